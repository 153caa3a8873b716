"use strict";

// What the daemon says of itself: totals of which two make a rate, losses, routes.

const Status = (() => {
  const totals = document.getElementById("totals");
  const rows = new Map();
  let before = null;

  const tiles = ["datagrams", "lines", "samples", "delivered", "lost"].map(what => {
    const value = element("dd", "–");
    const tile = element("div", [element("dt", what === "delivered" ? "records delivered" : what), value]);
    totals.append(tile);
    return { what, tile, value };
  });

  /** Shows a status; rates are those since the one before. */
  function show(status) {
    const seconds = before && status.uptime > before.uptime ? status.now - before.now : 0;
    const rate = (now, then) => seconds > 0.2 ? Math.max(0, (now - then) / seconds) : null;
    const lost = all => all.losses.reduce((sum, [, , total]) => sum + total, 0);
    for (const { what, tile, value } of tiles) {
      const now = what === "lost" ? lost(status) : status[what];
      const then = before && (what === "lost" ? lost(before) : before[what]);
      value.replaceChildren(short(rate(now, then)), element("small", " /s"));
      if (what === "lost") {
        tile.classList.toggle("bad", rate(now, then) > 0);
        if (now > 0) value.append(element("small", `, ${short(now)} in all`));
      }
    }
    about(status);
    routes(status, rate);
    losses(status, rate);
    streams(status);
    prefixes(status.registry);
    newest(status.registry);
    // A greeting and the tick right after it are too close for a rate.
    if (!before || seconds === 0 || seconds > 0.2) before = status;
  }

  function about(status) {
    const series = `${status.series.toLocaleString("en")} of ${short(status.series_limit)} series`;
    document.getElementById("about").textContent = `${status.version} · up ${lasting(status.uptime)} · ${series}`;
    document.getElementById("hints").hidden = status.series > 0;
  }

  function routes(status, rate) {
    const body = document.querySelector("#routes tbody");
    const known = new Map((before?.routes ?? []).map(route => [routeKey(route), route.taken]));
    const rates = status.routes.map(route => rate(route.taken, known.get(routeKey(route)) ?? 0));
    const most = Math.max(1, ...rates);
    keep(body, status.routes.map((route, at) => [routeKey(route), row => {
      row.cells[0].textContent || row.cells[0].append(
        `${route.from} → ${route.to} `, element("span", route.way, "way"), element("div", element("i"), "bar"));
      // By magnitude: flushes are few beside samples, and still to be seen.
      const share = rates[at] > 0 ? Math.max(4, 100 * Math.log1p(rates[at]) / Math.log1p(most)) : 0;
      row.querySelector("i").style.width = `${share}%`;
      write(row, [short(rates[at]), short(route.lost), short(Math.max(0, route.held))]);
      row.cells[2].className = route.lost > 0 ? "bad" : "";
    }]), 4);
  }

  function losses(status, rate) {
    const known = new Map((before?.losses ?? []).map(([what, why, total]) => [what + "\n" + why, total]));
    document.getElementById("lossless").hidden = status.losses.length > 0;
    document.getElementById("losses").hidden = status.losses.length === 0;
    keep(document.querySelector("#losses tbody"), status.losses.map(([what, why, total]) => {
      const key = what + "\n" + why;
      return [key, row => {
        const now = rate(total, known.get(key) ?? 0);
        row.cells[0].textContent = `${what}: ${why}`;
        write(row, [short(now), short(total)]);
        row.cells[1].className = now > 0 ? "bad" : "";
      }];
    }), 3);
  }

  function streams(status) {
    document.getElementById("streams-section").hidden = status.streams.length === 0;
    keep(document.querySelector("#streams tbody"), status.streams.map(({ input, stream, path, offset, behind, trouble }) =>
      [input + "\n" + stream, row => {
        const about = trouble || path;
        if (row.title !== about) {
          row.title = about;
          row.cells[0].replaceChildren(`${input}: ${stream} `, element("span", about, trouble ? "bad" : "way"));
        }
        write(row, [short(offset), short(behind)]);
        row.cells[2].className = trouble ? "bad" : "";
      }]), 3);
    const more = status.more_streams;
    document.getElementById("streams-note").textContent = more > 0 ? `and ${short(more)} more` : "";
  }

  function prefixes(registry) {
    const most = Math.max(1, ...registry.heaviest.map(({ series }) => series));
    keep(document.querySelector("#prefixes tbody"), registry.heaviest.map(({ prefix, series, limit }) => [prefix, row => {
      row.cells[0].textContent || row.cells[0].append(prefix, element("div", element("i"), "bar"));
      row.querySelector("i").style.width = `${Math.min(100, 100 * series / Math.max(1, limit ?? most))}%`;
      write(row, [short(series), limit === null ? "–" : short(limit)]);
      row.cells[1].className = limit !== null && series >= limit ? "bad" : "";
    }]), 3);
    const more = registry.prefixes - registry.heaviest.length;
    document.getElementById("prefixes-note").textContent = more > 0 ? `and ${short(more)} more` : "";
  }

  function newest(registry) {
    const list = document.getElementById("newest");
    const texts = registry.newest.map(({ kind, name, tags, age }) => {
      const when = age === null ? "restored" : age < 1 ? "now" : `${lasting(age)} ago`;
      return [`${name}${tags && "#" + tags}`, ` ${kind}, ${when}`];
    });
    list.replaceChildren(...texts.map(([name, about]) =>
      element("li", [element("span", name, "name"), element("small", about)])));
  }

  function routeKey(route) { return [route.from, route.to, route.way].join("\n"); }

  function write(row, texts) {
    texts.forEach((text, at) => { if (row.cells[at + 1].textContent !== text) row.cells[at + 1].textContent = text; });
  }

  /** Brings the rows of a table to the entries, each a key and what writes its row. */
  function keep(body, entries, cells) {
    const mine = rows.get(body) ?? rows.set(body, new Map()).get(body);
    const wanted = new Set(entries.map(([key]) => key));
    for (const [key, row] of mine) if (!wanted.has(key)) { row.remove(); mine.delete(key); }
    entries.forEach(([key, fill], at) => {
      if (!mine.has(key)) {
        const head = element("td");
        mine.set(key, element("tr", [head, ...Array.from({ length: cells - 1 }, () => element("td"))]));
      }
      const row = mine.get(key);
      if (body.children[at] !== row) body.insertBefore(row, body.children[at] ?? null);
      fill(row);
    });
  }

  function lasting(seconds) {
    const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
    const first = parts.findIndex(([length]) => seconds >= length);
    if (first < 0) return "0 s";
    const texts = [];
    for (const [length, unit] of parts.slice(first, first + 2)) {
      const count = Math.floor(seconds / length);
      if (count > 0) texts.push(`${count} ${unit}`);
      seconds -= count * length;
    }
    return texts.join(" ");
  }

  /** After a break rates begin anew. */
  function interrupt() { before = null; }

  return { show, interrupt };
})();
