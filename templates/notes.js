"use strict";
(() => {
  const body = document.body;
  const state = { level: document.querySelector("[data-level][aria-pressed=true]").dataset.level, view: "notes", values: "symbols" };
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const options = { output: "htmlAndMathml", strict: "error", throwOnError: false, trust: false };

  // levels are typeset when they are first shown

  const typeset = new Set();

  function prepare(level) {
    if (typeset.has(level)) return;
    typeset.add(level);
    all(".math", level).filter((place) => !place.closest(".numbers")).forEach(render);
    all("section:not(.given) .row", level).forEach((row) => {
      row.classList.add("hidden");
      row.querySelector(".right").append(document.getElementById("blank").content.cloneNode(true));
    });
    findSymbols(level);
  }

  function render(place) {
    const tex = place.textContent;
    place.dataset.tex = tex;
    katex.render(tex, place, options);
  }

  // numbers are typeset when they are first asked for

  function showNumbers() {
    const on = state.values === "numbers";
    body.classList.toggle("in-numbers", on);
    if (on) all(".numbers .math:not([data-tex])", current()).forEach(render);
  }

  function show() {
    all(".level").forEach((level) => { level.hidden = level.id !== "level-" + state.level; });
    prepare(current());
    body.classList.toggle("worksheet", state.view === "worksheet");
    showNumbers();
    for (const group of ["level", "view", "values"]) {
      all("[data-" + group + "]").forEach((button) => {
        button.setAttribute("aria-pressed", String(button.dataset[group] === state[group]));
      });
    }
    count();
  }

  const current = () => document.getElementById("level-" + state.level);

  // the worksheet

  function count() {
    const rows = all("section:not(.given) .row", current());
    const found = rows.filter((row) => !row.classList.contains("hidden")).length;
    document.querySelector(".count").textContent = found + " / " + rows.length;
  }

  function reveal(button) {
    const blanks = all(".hidden .blank", current());
    const next = blanks[blanks.indexOf(button) + 1];
    button.closest(".row").classList.remove("hidden");
    if (next) next.focus({ preventScroll: true });
    count();
  }

  // The state is in the address: #full, #worksheet, #numbers or #full,worksheet,numbers.

  function read() {
    for (const word of location.hash.slice(1).split(",")) {
      if (document.getElementById("level-" + word)) state.level = word;
      if (word === "notes" || word === "worksheet") state.view = word;
      if (document.querySelector('[data-values="' + CSS.escape(word) + '"]')) state.values = word;
    }
    show();
  }

  function choose(group, value) {
    state[group] = value;
    const more = [state.view, state.values].filter((word) => word === "worksheet" || word === "numbers");
    history.replaceState(null, "", "#" + [state.level, ...more].join(","));
    show();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { level, view, values } = button.dataset;
    if (level) choose("level", level);
    else if (view) choose("view", view);
    else if (values) choose("values", values);
    else if (button.dataset.do) {
      const hide = button.dataset.do === "reset";
      all("section:not(.given) .row", current()).forEach((row) => row.classList.toggle("hidden", hide));
      count();
    } else if (button.matches(".blank")) reveal(button);
  });
  window.addEventListener("hashchange", read);

  // Symbols with an index, A_1, are looked up in the table of symbols, A_k.  They are found by
  // what KaTeX has drawn: a letter, and beside it the index, below or above: 1, (1) or [1].

  const meaning = document.getElementById("meaning");
  const layer = meaning.dataset.layer;
  const mark = new RegExp("^[(\\[]?(\\d+|" + layer + ")(?![-+\\w])");

  function letterOf(supsub) {
    const leaf = supsub.previousElementSibling;
    return leaf && !leaf.childElementCount ? leaf.className + leaf.textContent : "";
  }

  function indexOf(supsub) {
    // where there are both, KaTeX draws the lower one first
    const texts = all(".katex-sizing", supsub)
      .filter((part) => part.closest(".msupsub") === supsub)
      .map((part) => mark.exec(part.textContent.replace(/\u200b/g, "")));
    const found = texts.find((text) => text);
    return found ? found[1] : "";
  }

  function findSymbols(level) {
    const table = new Map();
    all("table.symbols tbody tr", level).forEach((row) => {
      const supsub = row.cells[0].querySelector(".katex-html .msupsub");
      const letter = supsub && indexOf(supsub) === layer ? letterOf(supsub) : "";
      if (letter && !table.has(letter)) table.set(letter, row); // dZ follows Z
    });
    all(".row .katex-html .msupsub", level).forEach((supsub) => {
      const row = table.get(letterOf(supsub));
      const index = indexOf(supsub);
      if (!row || !index) return;
      const symbol = supsub.parentElement;
      symbol.classList.add("known");
      symbol.dataset.symbol = letterOf(supsub) + index;
      symbol.addEventListener("pointerenter", () => explain(symbol, row, index));
      symbol.addEventListener("pointerleave", forget);
    });
  }

  // A cell of the table with a number for k.
  const before = new RegExp("\\b" + layer + "-1\\b", "g");
  const itself = new RegExp("(?<![A-Za-z\\\\])" + layer + "(?![A-Za-z])", "g");

  function cell(source, index, into) {
    const number = /^\d+$/.test(index);
    source.childNodes.forEach((node) => {
      const part = document.createElement("span");
      if (node.dataset && node.dataset.tex) {
        let tex = node.dataset.tex;
        if (number) {
          tex = tex.replace(before, Number(index) - 1).replace(itself, index);
        }
        katex.render(tex, part, options);
      } else part.textContent = node.textContent;
      into.append(part);
    });
  }

  function valueOf(row, index) {
    const value = row.dataset.values && JSON.parse(row.dataset.values)[index];
    if (!value) return [];
    const says = document.createElement("p");
    cell(row.cells[0], index, says);
    const part = document.createElement("span");
    katex.render("{} " + value, part, options);
    says.append(part);
    return [says];
  }

  function explain(symbol, row, index) {
    all(".known", current()).forEach((other) => {
      other.classList.toggle("marked", other.dataset.symbol === symbol.dataset.symbol);
    });
    const shape = document.createElement("p");
    cell(row.cells[0], index, shape);
    shape.append(" : ");
    cell(row.cells[1], index, shape);
    const says = document.createElement("p");
    says.className = "says";
    cell(row.cells[2], index, says);
    meaning.replaceChildren(shape, says, ...valueOf(row, index));
    meaning.hidden = false;
    const place = symbol.getBoundingClientRect();
    const left = Math.min(place.left, document.documentElement.clientWidth - meaning.offsetWidth - 8);
    meaning.style.left = Math.max(8, left) + window.scrollX + "px";
    meaning.style.top = place.bottom + 6 + window.scrollY + "px";
  }

  function forget() {
    meaning.hidden = true;
    all(".marked").forEach((other) => other.classList.remove("marked"));
  }

  read();
})();
