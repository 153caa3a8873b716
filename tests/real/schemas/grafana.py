"""Every dashboard below a folder, read by the models of Grafana's SDK and written again: what is lost, nobody reads there."""

import json
import pathlib
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

# What the models do not have although Grafana writes it: the empty number of a dashboard that was never stored, the text of a
# variable's query, and what annotations of Prometheus say.
BESIDE = {"/id", "/templating/list[]/definition"} | {
    f"/annotations/list[]/{key}" for key in ("target/expr", "target/refId", "textFormat", "titleFormat", "useValueForTime")
}


def keys(value, path=""):
    if isinstance(value, dict):
        for key, below in value.items():
            yield f"{path}/{key}"
            yield from keys(below, f"{path}/{key}")
    elif isinstance(value, list):
        for below in value:
            yield from keys(below, f"{path}[]")


register_default_plugins()
panels = 0
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.json")):
    dashboard = json.loads(path.read_text())
    known = json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard)))
    unknown = set(keys(dashboard)) - set(keys(known)) - BESIDE
    if unknown:
        sys.exit(f"{path.name} has what Grafana does not know: {sorted(unknown)}")
    panels += sum(1 + len(panel.get("panels", [])) for panel in dashboard["panels"])
if panels < 100:
    sys.exit(f"it was shown {panels} panels")
