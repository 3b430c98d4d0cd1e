"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");

  // ---- theme: the system's, until the switch is used

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const shown = () => root.dataset.theme || (dark.matches ? "dark" : "light");
  const button = document.getElementById("theme");
  const name = () => {
    button.textContent = shown() === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to the ${button.textContent.toLowerCase()} theme`);
  };
  try { // a page of a file may have no storage
    const kept = localStorage.getItem("mvc-theme");
    if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  } catch (_) { /* it is forgotten */ }
  button.addEventListener("click", () => {
    root.dataset.theme = shown() === "dark" ? "light" : "dark";
    try { localStorage.setItem("mvc-theme", root.dataset.theme); } catch (_) { /* as above */ }
    name();
  });
  dark.addEventListener("change", name);
  name();

  // ---- drawing

  const SVG = "http://www.w3.org/2000/svg";
  const make = (tag, attributes = {}, ...children) => {
    const spaced = /^(svg|g|rect|path|line|text|title|circle)$/.test(tag);
    const element = spaced ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const short = (value) => {
    if (value === null || value === undefined) return "–";
    if (value === 0) return "0";
    const size = Math.abs(value);
    return size >= 1e-3 && size < 1e5 ? String(+value.toPrecision(3)) : value.toExponential(1);
  };
  const count = (value) => value.toLocaleString("en");
  const part = (value, all) => `${(100 * value / Math.max(all, 1)).toPrecision(3)}%`;

  const histogram = (tensor) => {
    const bins = tensor.bins, width = 380, height = 130, base = 106, half = width / 2, gap = 10;
    const most = Math.max(...bins.flatMap((bin) => [bin[1], bin[2]]), 1);
    const step = (half - gap) / bins.length;
    const drawn = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Histogram of the differences" });
    bins.forEach(([exponent, minus, plus], at) => {
      const range = `${short(2 ** exponent)} to ${short(2 ** (exponent + 1))}`;
      for (const [sign, many] of [[-1, minus], [1, plus]]) {
        const tall = many ? Math.max((base - 8) * many / most, 1) : 0;
        const x = sign > 0 ? half + gap + at * step : half - gap - (at + 1) * step;
        const bar = make("rect", { x, y: base - tall, width: Math.max(step - 1, .5), height: tall, class: sign > 0 ? "bar-plus" : "bar-minus" });
        bar.append(make("title", {}, `${sign > 0 ? "up" : "down"} by ${range}: ${count(many)}`));
        drawn.append(bar);
      }
    });
    drawn.append(make("line", { x1: 0, x2: width, y1: base, y2: base, class: "axis" }));
    const mark = (x, text, anchor) => drawn.append(make("text", { x, y: base + 16, "text-anchor": anchor }, text));
    mark(half, "0", "middle");
    const top = 2 ** (bins.at(-1)[0] + 1), middle = Math.floor(bins.length / 2), inner = 2 ** bins[middle][0];
    mark(width, short(top), "end");
    mark(0, `−${short(top)}`, "start");
    if (bins.length > 5) {
      mark(half + gap + middle * step, short(inner), "middle");
      mark(half - gap - middle * step, `−${short(inner)}`, "middle");
    }
    const equal = tensor.equal ? `${part(tensor.equal, tensor.numbers)} of the values did not change.` : "Every value changed.";
    return make("figure", {}, make("figcaption", {}, `Differences, new − old: how many of which size; each step outwards doubles it. ${equal}`), drawn);
  };

  const spectrum = (tensor) => {
    const { values, size, complete, stable, rank90, effective } = tensor.spectrum;
    const width = 380, height = 130, left = 34, base = 106, top = 8;
    const floor = Math.max(values.at(-1) / values[0], 1e-6);
    const decades = Math.max(Math.ceil(-Math.log10(floor)), 1);
    const x = (at) => left + (width - left - 8) * (values.length > 1 ? at / (values.length - 1) : 0);
    const y = (value) => top + (base - top) * Math.min(-Math.log10(Math.max(value / values[0], 1e-300)) / decades, 1);
    const drawn = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Singular values of the difference" });
    for (let decade = 0; decade <= decades; decade += 1) {
      const at = top + (base - top) * decade / decades;
      drawn.append(make("line", { x1: left, x2: width, y1: at, y2: at, class: "axis" }));
      drawn.append(make("text", { x: left - 5, y: at + 4, "text-anchor": "end" }, decade ? `1e-${decade}` : "1"));
    }
    drawn.append(make("path", { class: "curve", d: values.map((value, at) => `${at ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("") }));
    if (values.length <= 64) values.forEach((value, at) => drawn.append(make("circle", { cx: x(at), cy: y(value), r: 2, class: "dot" }, make("title", {}, `σ${at + 1} = ${short(value)}`))));
    drawn.append(make("text", { x: left, y: base + 16 }, "1"), make("text", { x: width, y: base + 16, "text-anchor": "end" }, count(values.length)));
    const words = [
      effective === null ? null : `effective rank ${short(effective)} of ${count(size)}`,
      rank90 === null ? `more than ${values.length} of ${count(size)} dimensions for 90% of it` : `90% of it in ${count(rank90)} of ${count(size)} dimensions`,
      `stable rank ${short(stable)}`,
    ].filter(Boolean).join("; ");
    const which = complete ? "" : `, the largest ${values.length}, estimated`;
    return make("figure", {}, make("figcaption", {}, `Singular values of the difference / σ₁${which}: ${words}.`), drawn);
  };

  // ---- tensors: details on demand

  const models = JSON.parse(document.getElementById("data").textContent);
  const detail = (row) => {
    const [model, number] = row.id.match(/\d+/g).map(Number);
    const tensor = models[model][number];
    const facts = make("dl");
    for (const [term, value] of tensor.facts) facts.append(make("div", {}, make("dt", {}, term), make("dd", {}, value)));
    const figures = make("div", { class: "figures" });
    if (tensor.bins && tensor.bins.length) figures.append(histogram(tensor));
    if (tensor.spectrum) figures.append(spectrum(tensor));
    const cell = make("td", { colspan: row.cells.length }, facts, figures);
    return make("tr", { class: "detail" }, cell);
  };
  const opened = new Map();
  const toggle = (row, show) => {
    let found = opened.get(row);
    if (!found) {
      if (show === false) return;
      opened.set(row, found = detail(row));
      row.after(found);
    } else {
      found.hidden = show === undefined ? !found.hidden : !show;
    }
    row.querySelector("button").setAttribute("aria-expanded", String(!found.hidden));
  };
  const follow = () => {
    const row = /^#m\d+t\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
    if (!row) return;
    row.closest("table").classList.add("all");
    toggle(row, true);
    row.scrollIntoView({ block: "center" });
  };
  addEventListener("hashchange", follow);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#m']");
    if (link && link.getAttribute("href") === location.hash) follow(); // no hashchange
  });

  for (const table of document.querySelectorAll("table.tensors")) {
    const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
    table.addEventListener("click", (event) => {
      const row = event.target.closest("td.name button") && event.target.closest("tr");
      if (row) toggle(row);
    });
    const key = (row, at) => {
      const text = row.cells[at].dataset.v;
      return text === undefined ? row.cells[at].textContent : text === "" ? null : Number(text);
    };
    heads.forEach((head, at) => head.querySelector("button").addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const up = before ? before === "descending" : head.classList.contains("left");
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = [...body.rows].filter((row) => !row.classList.contains("detail"));
      const ranked = rows.map((row) => [key(row, at), row]);
      ranked.sort(([a], [b]) => {
        if (a === null || b === null) return (a === null) - (b === null); // nothing to compare goes last
        const order = typeof a === "number" ? a - b : a < b ? -1 : a > b ? 1 : 0;
        return up ? order : -order;
      });
      ranked.forEach(([, row], place) => {
        row.classList.toggle("extra", place >= Number(table.dataset.first));
        body.append(row);
        if (opened.has(row)) body.append(opened.get(row));
      });
    }));
    const more = table.parentElement.nextElementSibling;
    if (more && more.matches("button.more")) more.addEventListener("click", () => {
      table.classList.add("all");
      more.remove();
    });
  }
  follow();
})();
