"use strict";
// The report: all that a job has written reaches the page as text, never as markup.
(() => {
  const ROW_OF_LOG = 20, TALLEST = 12e6, MOST_HITS = 500, LONGEST_LINE = 4000, KEPT = 24;
  const MARKS = { success: "✓", failure: "✗", cancelled: "!", skipped: "·", unfinished: "!" };
  const $ = (id) => document.getElementById(id);
  const el = (tag, given = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [key, value] of Object.entries(given)) {
      if (key === "text") made.textContent = value;
      else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else if (value !== false && value !== undefined) made.setAttribute(key, value === true ? "" : value);
    }
    made.append(...children);
    return made;
  };
  const bdi = (text) => el("bdi", { text });

  async function unpacked(id) {
    const text = atob($(id).textContent), bytes = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }
  const chunks = new Map(); // unpacked, the ones used last at the end
  function chunk(number) {
    const found = chunks.get(number) ?? unpacked(`c${number}`);
    chunks.delete(number);
    chunks.set(number, found);
    if (chunks.size > KEPT) chunks.delete(chunks.keys().next().value);
    return found;
  }

  const seconds = (value) => {
    if (value === undefined) return "";
    if (value >= 0.0005 && value < 0.0995) return `${(value * 1000).toFixed(0)} ms`;
    if (value < 59.95) return `${Math.max(value, 0).toFixed(1)} s`;
    const whole = Math.round(value), h = Math.floor(whole / 3600), m = Math.floor(whole / 60) % 60, s = whole % 60;
    const two = (n) => String(n).padStart(2, "0");
    return h ? `${h}h ${two(m)}m ${two(s)}s` : `${m}m ${two(s)}s`;
  };
  const bytes = (count) => {
    let figure = count, unit = "B";
    for (const next of ["KiB", "MiB", "GiB", "TiB"]) {
      if (figure < 1023.5) break;
      [figure, unit] = [figure / 1024, next];
    }
    return `${unit === "B" || figure >= 9.95 ? figure.toFixed(0) : figure.toFixed(1)} ${unit}`;
  };
  const when = (time) => new Date(time * 1000).toISOString().replace("T", " ").slice(0, 19) + " UTC";
  const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

  let run, steps, names, order = [], selected = -1, cursor = 0, critical = new Set();
  const took = (step) => (step.began === undefined ? undefined : (step.ended ?? run.ended) - step.began);
  const waited = (step) => (step.began === undefined ? 0 : Math.max(step.began - step.ready, 0));
  const tone = (step) =>
    step.outcome === "success" ? "good" : step.outcome === "skipped" ? "soft"
      : step.outcome === "failure" && !step.optional ? "bad" : "warn";
  const word = (step) =>
    step.outcome === "failure" ? (step.optional ? "failed, not required" : "failed")
      : step.cause === "restored" ? "reused" : step.outcome === "success" ? "passed"
      : step.outcome === "unfinished" ? "did not end" : step.outcome;
  const link = (step, line) => `#${encodeURIComponent(step.name)}${line ? `:${line}` : ""}`;
  const to = (step, text) => el("a", { href: link(step) }, bdi(text ?? step.name));

  // The list of steps, with the time line: only the rows in view are in the page.
  const rank = (step) => (step.outcome === "failure" && !step.optional ? 0 : step.outcome === "failure" ? 1
    : step.outcome === "cancelled" || step.outcome === "unfinished" ? 2 : 3);
  const ORDERS = {
    failures: (a, b) => rank(steps[a]) - rank(steps[b]) || a - b,
    written: (a, b) => a - b,
    start: (a, b) => (steps[a].began ?? Infinity) - (steps[b].began ?? Infinity) || a - b,
    slowest: (a, b) => (took(steps[b]) ?? -1) - (took(steps[a]) ?? -1) || a - b,
  };
  const KINDS = {
    all: () => true,
    failed: (step) => rank(step) < 3,
    skipped: (step) => step.outcome === "skipped",
    retried: (step) => (step.attempts ?? []).length > 1,
    critical: (step, number) => critical.has(number),
  };
  function arrange() {
    const text = $("filter").value.toLowerCase(), kind = KINDS[$("kind").value];
    const shown = (step, number) => kind(step, number)
      && (!text || step.name.toLowerCase().includes(text) || (step.reason ?? "").toLowerCase().includes(text));
    order = steps.map((_, number) => number).filter((number) => shown(steps[number], number));
    order.sort(ORDERS[$("order").value]);
    cursor = Math.max(order.indexOf(selected), 0);
    $("found").textContent = order.length === steps.length ? plural(steps.length, "step")
      : `${order.length.toLocaleString("en")} of ${plural(steps.length, "step")}`;
    $("list").scrollTop = 0;
    draw();
  }
  const rowHeight = () => parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row")) || 30;
  function bar(step) {
    const track = el("span", { class: "track", "aria-hidden": "true" }), whole = Math.max(run.ended - run.began, 1e-3);
    const add = (from, until, kind) => {
      const part = el("i", { class: kind });
      const left = Math.min(Math.max((from - run.began) / whole, 0), 1);
      part.style.left = `${left * 99}%`;
      part.style.width = `${Math.min(Math.max((until - from) / whole, 0), 1 - left) * 99}%`;
      track.append(part);
    };
    if (step.began === undefined) return track;
    if (waited(step) > 0) add(step.ready, step.began, "wait");
    const attempts = step.attempts ?? [[step.began, step.ended]];
    attempts.forEach(([from, until], number) =>
      add(from, until ?? run.ended, number < attempts.length - 1 ? "warn" : tone(step)));
    return track;
  }
  function row(place, height) {
    const number = order[place], step = steps[number];
    const tries = (step.attempts ?? []).length;
    const about = [word(step), tries > 1 ? `${tries} attempts` : "",
      critical.has(number) ? "on the critical path" : "", step.reason ?? ""].filter(Boolean).join(", ");
    const made = el("div", {
      class: `step${critical.has(number) ? " critical" : ""}${place === cursor ? " at" : ""}`, role: "option",
      id: `s${number}`, "aria-selected": String(number === selected), "aria-setsize": order.length,
      "aria-posinset": place + 1, title: `${step.name}: ${about}`,
      onclick: () => { cursor = place; open(number); },
    },
    el("span", { class: tone(step), text: MARKS[step.outcome], "aria-hidden": "true" }),
    el("span", { class: "name" }, bdi(step.name)), bar(step),
    el("span", { class: "took", text: seconds(took(step)) }), el("span", { class: "unseen", text: about }));
    made.style.top = `${place * height}px`;
    return made;
  }
  function draw() {
    const list = $("list"), height = rowHeight(), rows = [];
    $("space").style.height = `${order.length * height}px`;
    const first = Math.max(Math.floor(list.scrollTop / height) - 5, 0);
    const last = Math.min(first + Math.ceil(list.clientHeight / height) + 10, order.length);
    for (let place = first; place < last; place++) rows.push(row(place, height));
    if (cursor < order.length && (cursor < first || cursor >= last)) rows.push(row(cursor, height)); // it has the focus
    $("space").replaceChildren(...rows);
    if (order.length) list.setAttribute("aria-activedescendant", `s${order[cursor]}`);
    else list.removeAttribute("aria-activedescendant");
  }
  function move(place) {
    if (!order.length) return;
    cursor = Math.min(Math.max(place, 0), order.length - 1);
    const list = $("list"), height = rowHeight();
    if (cursor * height < list.scrollTop) list.scrollTop = cursor * height;
    else if ((cursor + 1) * height > list.scrollTop + list.clientHeight)
      list.scrollTop = (cursor + 1) * height - list.clientHeight;
    draw();
  }
  function keys(event) {
    const page = Math.max(Math.floor($("list").clientHeight / rowHeight()) - 1, 1);
    const places = { ArrowDown: cursor + 1, ArrowUp: cursor - 1, PageDown: cursor + page, PageUp: cursor - page,
      Home: 0, End: order.length - 1 };
    if (event.key in places) move(places[event.key]);
    else if ((event.key === "Enter" || event.key === " ") && order.length) open(order[cursor], 0, true);
    else return;
    event.preventDefault();
  }

  // One step.
  function open(number, line = 0, focus = false) {
    const target = link(steps[number], line);
    if (location.hash !== target) history.replaceState(null, "", target);
    show(number, line, focus);
  }
  function fact(list, name, ...value) {
    if (value[0] !== "" && value[0] !== undefined) list.append(el("dt", { text: name }), el("dd", {}, ...value));
  }
  function why(step) {
    const after = (step.after ?? []).slice(0, 20), more = (step.after ?? []).length - after.length;
    const waits = [];
    after.forEach((other, at) => waits.push(at ? ", " : "", to(steps[other])));
    if (more > 0) waits.push(` and ${more} more`);
    const parts = [];
    if (step.outcome === "skipped") parts.push(`it did not run: ${step.reason ?? "it was left out"}`);
    else if (step.cause === "restored") parts.push(step.reason ?? "its result was reused");
    else if (step.began === undefined) parts.push(step.reason ?? "it did not begin");
    else parts.push(waits.length ? "it ran after " : "it ran, and waited for no other step", ...waits);
    if (step.outcome === "skipped" && waits.length) parts.push("; it waits for ", ...waits);
    if (step.rule) parts.push("; ", bdi(step.rule));
    return parts;
  }
  function show(number, line, focus) {
    selected = number;
    const step = steps[number], facts = el("dl"), parts = [];
    fact(facts, "result", el("span", { class: tone(step), text: word(step) }),
      step.reason && step.outcome !== "skipped" ? `: ${step.reason}` : "");
    fact(facts, "why", ...why(step));
    fact(facts, "time", seconds(took(step)));
    if (waited(step) >= 0.05) fact(facts, "waited", `${seconds(waited(step))} for room`);
    if (step.began !== undefined) fact(facts, "began", `${when(step.began)}, ${seconds(step.began - run.began)} in`);
    if (step.cpu !== undefined) fact(facts, "CPU", seconds(step.cpu));
    if (step.rss !== undefined) fact(facts, "memory", `${bytes(step.rss)} at most`);
    if (step.read !== undefined) fact(facts, "read", bytes(step.read));
    if (step.written !== undefined) fact(facts, "written", bytes(step.written));
    fact(facts, "worker", step.worker);
    if (critical.has(number)) fact(facts, "path", "it is on the critical path");
    parts.push(el("h2", { id: "title", tabindex: "-1" }, bdi(step.name)), facts);
    const attempts = step.attempts ?? [];
    if (attempts.length > 1) {
      parts.push(el("h3", { text: "Attempts" }), el("ol", {}, ...attempts.map(([from, until, reason], at) =>
        el("li", { text: `${seconds((until ?? run.ended) - from)}: ${at < attempts.length - 1 ? reason : word(step)}` }))));
    }
    if (step.command) parts.push(el("h3", { text: "Command" }), scrolled(el("pre", { class: "box" }, bdi(step.command)), "command"));
    if (step.reports) parts.push(el("h3", { text: "Reports" }), el("ul", {}, ...step.reports.map(([kind, text]) => el("li", {}, `${kind}: `, bdi(text)))));
    if (step.findings) {
      const tones = { error: "bad", warning: "warn", notice: "soft" };
      parts.push(el("h3", { text: "Findings" }), el("ul", {}, ...step.findings.map(([level, text]) =>
        el("li", {}, el("span", { class: tones[level], text: `${level}: ` }), bdi(text)))));
    }
    if (step.warnings) parts.push(el("h3", { text: "Warnings" }), el("ul", {}, ...step.warnings.map((text) => el("li", {}, bdi(text)))));
    if (step.masked) parts.push(el("h3", { text: "Masked" }), table([["secret"], ["times", "n"]], step.masked));
    parts.push(...logOf(step, line));
    $("detail").replaceChildren(...parts);
    if (log) log.begin();
    draw();
    if (focus) $("title").focus();
  }
  const scrolled = (element, label) => {
    element.setAttribute("tabindex", "0");
    element.setAttribute("role", "region");
    element.setAttribute("aria-label", label);
    return element;
  };
  function table(heads, rows) {
    return el("div", { class: "scroll" }, el("table", {},
      el("thead", {}, el("tr", {}, ...heads.map(([text, kind = ""]) => el("th", { text, class: kind, scope: "col" })))),
      el("tbody", {}, ...rows.map((cells) => el("tr", {}, ...cells.map((cell, at) =>
        el("td", { class: heads[at][1] ?? "" }, typeof cell === "object" ? cell : bdi(typeof cell === "number" ? cell.toLocaleString("en") : cell))))))));
  }

  // Its log: lines in view, from chunks that are unpacked when they are looked at.
  let log = null;
  function logOf(step, line) {
    log = null;
    if (!step.lines) return [el("p", { class: "soft", text: step.began === undefined ? "" : "It wrote nothing." })];
    const space = el("div"), box = scrolled(el("div", { class: "log" }, space), `log of ${step.name}`);
    log = new Log(step, box, space, line);
    const size = `${plural(step.lines, "line")}, ${bytes(step.size)}` + (step.cut ? `; ${bytes(step.cut)} left out` : "");
    return [el("h3", { text: "Log" }), el("p", { class: "soft" }, size, step.path ? el("span", {}, "; the whole is ", bdi(step.path)) : ""), box];
  }
  class Log {
    constructor(step, box, space, line) {
      Object.assign(this, { step, box, space, line, parts: new Map(), asked: false });
      this.tall = Math.min(step.lines * ROW_OF_LOG, TALLEST);
      space.style.height = `${this.tall}px`;
      space.style.position = "relative";
      if (step.lines * ROW_OF_LOG < 400) box.classList.add("short");
      box.addEventListener("scroll", () => this.ask());
    }
    begin() {
      const line = this.line || (this.step.outcome === "failure" ? this.step.lines : 1);
      this.box.scrollTop = this.offset(Math.max(line - 1 - this.fits() / 2, 0));
      this.draw();
    }
    fits() { return Math.ceil(this.box.clientHeight / ROW_OF_LOG); }
    offset(line) { // where a line is: beyond what a browser can scroll, distances are squeezed
      return this.tall < this.step.lines * ROW_OF_LOG ? (line / this.step.lines) * this.tall : line * ROW_OF_LOG;
    }
    ask() {
      if (!this.asked) requestAnimationFrame(() => { this.asked = false; if (log === this) this.draw(); });
      this.asked = true;
    }
    async draw() {
      const step = this.step, top = this.box.scrollTop;
      const first = Math.min(Math.max(Math.floor((top / this.tall) * step.lines) - 5, 0), step.lines);
      const last = Math.min(first + this.fits() + 12, step.lines), base = this.offset(first), rows = [];
      const token = this.token = {};
      for (const part of step.log.filter((one, at) =>
        one[3] < last && (step.log[at + 1]?.[3] ?? step.lines) > first)) {
        const lines = await this.lines(part);
        for (let at = Math.max(first - part[3], 0); at < lines.length && part[3] + at < last; at++)
          rows.push(this.row(part[3] + at, lines[at], base + (part[3] + at - first) * ROW_OF_LOG));
      }
      if (this.token === token && log === this) this.space.replaceChildren(...rows);
    }
    async lines(part) {
      let found = this.parts.get(part);
      if (!found) {
        found = coloured(await text(part));
        this.parts.set(part, found);
        if (this.parts.size > 8) this.parts.delete(this.parts.keys().next().value);
      }
      return found;
    }
    row(number, pieces, top) {
      const label = String(number + 1), here = number + 1 === this.line;
      const made = el("div", { class: here ? "line here" : "line" },
        el("a", { class: "no", href: link(this.step, number + 1), text: label, "aria-label": `line ${label}`, tabindex: "-1" }));
      let room = LONGEST_LINE;
      for (const [kind, piece] of pieces) {
        if (room <= 0) { made.append(el("span", { class: "soft", text: " … the line goes on in the log file" })); break; }
        const shown = piece.slice(0, room);
        room -= piece.length;
        made.append(kind ? el("span", { class: kind, text: shown }) : shown);
      }
      made.style.top = `${top}px`;
      return made;
    }
  }
  async function text([number, offset, size]) {
    return new TextDecoder().decode((await chunk(number)).subarray(offset, offset + size));
  }

  // Colours: those of a terminal become the eight of the page, which can be read on its ground.
  function nearest(r, g, b) {
    const most = Math.max(r, g, b), least = Math.min(r, g, b);
    if (most - least < 40) return most > 170 ? 0 : 7;
    const middle = (most + least) / 2;
    return (r > middle ? 1 : 0) + (g > middle ? 2 : 0) + (b > middle ? 4 : 0);
  }
  function indexed(code) {
    if (code < 16) return code % 8;
    if (code > 231) return code > 243 ? 0 : 7;
    const at = code - 16;
    return nearest(Math.floor(at / 36) * 51, (Math.floor(at / 6) % 6) * 51, (at % 6) * 51);
  }
  const OFF = { 22: ["bold", "faint"], 23: ["italic"], 24: ["under"], 27: ["inverse"], 29: ["strike"] };
  const ON = { 1: "bold", 2: "faint", 3: "italic", 4: "under", 7: "inverse", 9: "strike", 21: "under" };
  function apply(look, parameters) {
    const words = parameters.split(";").slice(0, 64);
    for (let at = 0; at < words.length; at++) {
      const code = parseInt(words[at] || "0", 10), deep = words[at].split(":");
      if (code === 0) look.clear();
      else if (deep[0] === "4" && deep[1] === "0") look.delete("under");
      else if (ON[code]) look.set(ON[code], ON[code]);
      else if (OFF[code]) OFF[code].forEach((name) => look.delete(name));
      else if (code === 38 || code === 48) {
        const given = deep.length > 1 ? deep.slice(1).filter((one, n) => n !== 1 || one !== "") : words.slice(at + 1, at + 5);
        const wide = given[0] === "5" ? 2 : given[0] === "2" ? 4 : 1;
        const [r, g, b] = given.slice(1, 4).map((one) => parseInt(one || "0", 10));
        const colour = wide === 2 ? indexed(r || 0) : nearest(r || 0, g || 0, b || 0);
        look.set(code === 38 ? "front" : "ground", (code === 38 ? "f" : "g") + colour);
        if (deep.length === 1) at += wide;
      } else if (code === 39) look.delete("front");
      else if (code === 49) look.delete("ground");
      else if (code % 10 < 8 && [3, 9].includes(Math.floor(code / 10))) look.set("front", `f${code % 10}`);
      else if (code % 10 < 8 && [4, 10].includes(Math.floor(code / 10))) look.set("ground", `g${code % 10}`);
    }
  }
  function coloured(whole) {
    const look = new Map(), lines = whole.split("\n");
    lines.pop();
    return lines.map((line) => {
      const pieces = [];
      let at = 0;
      const add = (until) => { if (until > at) pieces.push([[...look.values()].join(" "), line.slice(at, until)]); };
      for (const found of line.matchAll(/\x1b\[([0-9;:]*)m/g)) {
        add(found.index);
        apply(look, found[1]);
        at = found.index + found[0].length;
      }
      add(line.length);
      return pieces;
    });
  }

  // Search in all logs.
  let searching = 0;
  async function search() {
    const wanted = $("filter").value.toLowerCase(), mine = ++searching, hits = $("hits"), status = $("status");
    hits.replaceChildren();
    if (!wanted) { status.textContent = ""; return; }
    const byChunk = steps.flatMap((step) => (step.log ?? []).map((part) => [step, part])).sort((a, b) => a[1][0] - b[1][0]);
    let count = 0, done = 0;
    for (const [step, part] of byChunk) {
      let whole = await text(part);
      if (mine !== searching) return;
      if (whole.includes("\x1b")) whole = whole.replace(/\x1b\[[0-9;:]*m/g, "");
      if (whole.toLowerCase().includes(wanted)) {
        whole.split("\n").forEach((line, at) => {
          if (!line.toLowerCase().includes(wanted) || ++count > MOST_HITS) return;
          const number = part[3] + at + 1, from = Math.max(line.toLowerCase().indexOf(wanted) - 60, 0);
          hits.append(el("li", {}, el("a", { href: link(step, number) }, bdi(`${step.name}:${number}`)), " ",
            bdi((from ? "…" : "") + line.slice(from, from + 300))));
        });
      }
      if (++done % 50 === 0) status.textContent = `searched ${Math.round((100 * done) / byChunk.length)} %`;
    }
    status.textContent = `${plural(count, "line")} found` + (count > MOST_HITS ? `, the first ${MOST_HITS} are shown` : "");
  }

  // What holds for the whole run.
  function overview() {
    const parts = [];
    const path = run.critical.map((number) => steps[number]);
    if (path.length > 1) {
      const items = path.slice(-30).map((step) => el("li", {}, to(step), ` ${seconds(took(step))}`));
      parts.push(section(`Critical path: ${plural(path.length, "step")}`, true, el("ol", { class: "path" }, ...items)));
    }
    if (run.last) parts.push(section("Since the last run", true, ...different(run.last)));
    if (run.masked.length) parts.push(section(`Masked: ${plural(run.masked.reduce((sum, one) => sum + one[2], 0), "time")}`, false,
      table([["secret"], ["form"], ["times", "n"], ["bytes", "n"]], run.masked)));
    if (run.notes.length) parts.push(section(`Messages of the runner: ${run.notes.length}`, false, el("ul", {}, ...run.notes.map(([time, kind, said]) =>
      el("li", {}, `${seconds(Math.max(time - run.began, 0))} `, el("span", { class: kind ? "warn" : "" }, kind ? "warning: " : "", bdi(said)))))));
    if (run.environment.length) parts.push(section("Environment", false, table([["name"], ["value"]], run.environment)));
    return parts;
  }
  const section = (title, wide, ...content) => el("details", { open: wide }, el("summary", { text: title }), ...content);
  function different(last) {
    const whole = run.ended - run.began, parts = el("ul");
    const WORDS = { failing: "fails now", fixed: "is fixed", slower: "is slower", faster: "is faster", new: "is new", gone: "is gone" };
    for (const [kind, { count, steps: found }] of Object.entries(last.kinds)) {
      const item = el("li", { text: `${WORDS[kind] ?? kind} (${count}): ` });
      found.slice(0, 20).forEach((one, at) => {
        const [name, before, now] = Array.isArray(one) ? one : [one], number = names.get(name);
        item.append(at ? ", " : "", number === undefined ? bdi(name) : to(steps[number]));
        if (now !== undefined) item.append(` ${seconds(before)} → ${seconds(now)}`);
      });
      if (count > 20) item.append(" …");
      parts.append(item);
    }
    const same = Object.keys(last.kinds).length ? parts : el("p", { text: "Every step ended as before, in about the same time." });
    return [el("p", { text: `Last run: ${when(last.began)}, ${seconds(last.seconds)}; this one ${seconds(whole)}.` }), same];
  }

  function select(id, label, options) {
    return el("label", {}, label, el("select", { id, onchange: arrange }, ...options.map(([value, text]) => el("option", { value, text }))));
  }
  function frame() {
    const counts = $("counts");
    counts.append(` · ${run.took} · ${when(run.began)}`);
    document.body.prepend(el("a", { class: "skip", href: "#list", text: "To the steps",
      onclick: (event) => { event.preventDefault(); $("list").focus(); } }));
    const failures = steps.map((_, number) => number).filter((number) => rank(steps[number]) === 0);
    const tools = el("form", { class: "tools", role: "search", onsubmit: (event) => { event.preventDefault(); search(); } },
      el("label", {}, "Find", el("input", { id: "filter", type: "search", oninput: arrange })),
      el("button", { text: "Search logs" }),
      select("kind", "Show", [["all", "all"], ["failed", "failed"], ["skipped", "skipped"], ["retried", "retried"], ["critical", "critical path"]]),
      select("order", "Order", [["failures", "failures first"], ["written", "as written"], ["start", "by start"], ["slowest", "slowest first"]]),
      el("button", { type: "button", text: "Next failure", hidden: !failures.length, onclick: () => {
        const next = failures.find((number) => number > selected) ?? failures[0];
        cursor = Math.max(order.indexOf(next), 0); open(next); move(cursor);
      } }),
      el("button", { type: "button", text: "Dark or light", onclick: () => {
        const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)").matches;
        root.dataset.theme = (root.dataset.theme ?? (dark ? "dark" : "light")) === "dark" ? "light" : "dark";
      } }),
      el("span", { id: "found", class: "soft", role: "status" }));
    const list = el("div", { class: "list", id: "list", role: "listbox", tabindex: "0", "aria-label": "Steps", onkeydown: keys,
      onscroll: () => requestAnimationFrame(draw) }, el("div", { id: "space", role: "presentation" }));
    const detail = el("section", { class: "detail", id: "detail", "aria-label": "The step" },
      el("p", { class: "soft", text: "Choose a step to see why it ran, what it used and what it wrote." }));
    $("main").prepend(tools, el("p", { id: "status", role: "status", class: "soft" }), el("ol", { id: "hits", class: "hits", "aria-label": "Lines found" }),
      el("div", { class: "panes" }, list, detail), ...overview());
    addEventListener("resize", draw);
    addEventListener("hashchange", follow);
  }
  function follow() {
    let text = location.hash.slice(1);
    try { text = decodeURIComponent(text); } catch { return false; }
    const colon = /:(\d{1,9})$/.exec(text);
    let number = names.get(text), line = 0;
    if (number === undefined && colon) [number, line] = [names.get(text.slice(0, colon.index)), parseInt(colon[1], 10)];
    if (number === undefined) return false;
    cursor = Math.max(order.indexOf(number), 0);
    show(number, Math.min(line, steps[number].lines ?? 0), false);
    move(cursor);
    return true;
  }
  async function start() {
    run = JSON.parse(new TextDecoder().decode(await unpacked("data")));
    steps = run.steps;
    names = new Map(steps.map((step, number) => [step.name, number]));
    critical = new Set(run.critical);
    frame();
    arrange();
    if (!follow() && order.length && (rank(steps[order[0]]) < 3 || order.length === 1)) show(order[0], 0, false);
    document.documentElement.dataset.ready = "true";
  }
  start().catch((error) => $("main").prepend(el("p", { class: "bad", role: "alert", text: `The report cannot be shown: ${error}` })));
})();
