"""Rolls up more than a day of points, by the rules of carbon and with whisper.

Arguments: the folder with storage-schemas.conf and storage-aggregation.conf, a folder for files. Reads names, a line
each. Writes into each name's file the numbers 1 to 6 of every minute, for 26 hours, an hour at a time as if it were
that hour, and then a single 7 in a minute of its own. Prints for each name, between tabs: the name, the retentions, the
method, the value of a minute that is older than a day, that of the minute with the 7, and that of ten minutes.
"""
import os
import sys

from carbon.conf import settings

settings["CONF_DIR"] = sys.argv[1]

import whisper
from carbon import storage

schemas, aggregations = storage.loadStorageSchemas(), storage.loadAggregationSchemas()
HOUR, BEGAN = 3600, 1_700_000_400 // 600 * 600
HOURS = 26


def rolled_up(name, path):
    archives = next(schema.archives for schema in schemas if schema.matches(name))
    factor, method = next(rule.archives for rule in aggregations if rule.matches(name))
    whisper.create(path, [archive.getTuple() for archive in archives], factor, method)
    for hour in range(HOURS):
        first = BEGAN + hour * HOUR
        points = [(first + at, float(at // 10 % 6 + 1)) for at in range(0, HOUR, 10)]
        whisper.update_many(path, points, now=first + HOUR)
    alone = BEGAN + HOURS * HOUR + 60
    whisper.update_many(path, [(alone, 7.0)], now=alone + 60)
    # Long after, so that the minutes are asked for and not the ten seconds.
    later = alone + 2 * 24 * HOUR

    def value(start, step, now):
        (begin, _, got), values = whisper.fetch(path, start - step, start, now=now)
        assert got == step, f"{name}: points of {got} s and not {step}"
        return values[(start - begin) // step]

    kept = [f"{archive.secondsPerPoint}:{archive.points}" for archive in archives]
    numbers = value(BEGAN + HOUR, 60, later), value(alone, 60, later), value(BEGAN + HOUR, 600, later + 20 * 24 * HOUR)
    print(name, ",".join(kept), method, *numbers, sep="\t")


for number, name in enumerate(sys.stdin.read().splitlines()):
    rolled_up(name, os.path.join(sys.argv[2], f"{number}.wsp"))
