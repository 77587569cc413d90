"use strict";
(() => {
  const body = document.body;
  const NUMBERS = '.level [data-beside="numbers"]';
  const state = { level: document.querySelector("[data-level][aria-pressed=true]").dataset.level, view: "notes", shown: document.body.dataset.shown };
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const options = { output: "htmlAndMathml", strict: "error", throwOnError: false, trust: false };

  // levels are typeset when they are first shown

  const typeset = new Set();

  function prepare(level) {
    if (typeset.has(level)) return;
    typeset.add(level);
    all(".math", level).filter((place) => !place.closest(NUMBERS + ", .hints")).forEach(render);
    asked(level).forEach((row) => {
      hide(row);
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
    if (state.shown === "numbers") all(NUMBERS + " .math:not([data-tex])", current()).forEach(render);
  }

  function show() {
    all(".level").forEach((level) => { level.hidden = level.id !== "level-" + state.level; });
    prepare(current());
    body.classList.toggle("worksheet", state.view === "worksheet");
    body.dataset.shown = state.shown;
    showNumbers();
    for (const group of ["level", "view", "shown"]) {
      all(".bar [data-" + group + "]").forEach((button) => {
        button.setAttribute("aria-pressed", String(button.dataset[group] === state[group]));
      });
    }
    count();
  }

  const current = () => document.getElementById("level-" + state.level);

  // the worksheet: a row that is asked for is hidden, and has hints, the weakest first

  const asked = (level) => all("section:not(.given) .row", level);

  function hide(row) {
    row.classList.add("hidden");
    const hints = all(".hints li", row);
    hints.forEach((hint) => { hint.hidden = true; });
    if (hints.length) offer(row, hints);
  }

  function offer(row, hints) {
    const given = hints.filter((hint) => !hint.hidden).length;
    const button = row.querySelector("[data-do=hint]");
    button.hidden = given === hints.length;
    button.querySelector(".count").textContent = given + 1 + " / " + hints.length;
  }

  function hint(row) {
    const hints = all(".hints li", row);
    const next = hints.find((hint) => hint.hidden);
    next.hidden = false;
    all(".math:not([data-tex])", next).forEach(render);
    offer(row, hints);
    const button = row.querySelector("[data-do=hint]");
    if (button.hidden) row.querySelector(".blank").focus({ preventScroll: true });
  }

  function count() {
    const rows = asked(current());
    const found = rows.filter((row) => !row.classList.contains("hidden")).length;
    document.querySelector(".found").textContent = found + " / " + rows.length;
  }

  // Print with every row hidden, or none; then all is as before.

  function print(hidden) {
    const rows = asked(current()).map((row) => [row, row.classList.contains("hidden")]);
    rows.forEach(([row]) => row.classList.toggle("hidden", hidden));
    const restore = () => rows.forEach(([row, before]) => row.classList.toggle("hidden", before));
    window.addEventListener("afterprint", restore, { once: true });
    window.print();
  }

  function reveal(button) {
    const blanks = all(".hidden .blank", current());
    const next = blanks[blanks.indexOf(button) + 1];
    button.closest(".row").classList.remove("hidden");
    if (next) next.focus({ preventScroll: true });
    count();
  }

  // The state is in the address: #full, #worksheet, #code or #full,worksheet,numbers.

  const choices = (group) => all(".bar [data-" + group + "]").map((button) => button.dataset[group]);

  function read() {
    for (const word of location.hash.slice(1).split(",")) {
      if (document.getElementById("level-" + word)) state.level = word;
      for (const group of ["view", "shown"]) {
        if (choices(group).includes(word)) state[group] = word;
      }
    }
    show();
  }

  function choose(group, value) {
    state[group] = value;
    const words = ["view", "shown"].filter((name) => state[name] !== choices(name)[0]).map((name) => state[name]);
    history.replaceState(null, "", "#" + [state.level, ...words].join(","));
    show();
  }

  const actions = {
    reveal: () => { asked(current()).forEach((row) => row.classList.remove("hidden")); count(); },
    reset: () => { asked(current()).forEach(hide); count(); },
    blank: () => print(true),
    key: () => print(false),
    hint,
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const group = ["level", "view", "shown"].find((name) => name in button.dataset);
    if (group) choose(group, button.dataset[group]);
    else if (button.matches(".blank")) reveal(button);
    else actions[button.dataset.do](button.closest(".row"));
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
    place(symbol.getBoundingClientRect());
  }

  // In the margin beside the symbol; without a margin at the edge of the window that is farther.

  const margin = window.matchMedia("(min-width: 76rem)");

  function place(at) {
    const high = document.documentElement.clientHeight, bar = document.querySelector(".bar");
    meaning.style.fontSize = "";
    const fits = meaning.clientWidth / meaning.scrollWidth;
    if (fits < 1) meaning.style.fontSize = 100 * fits + "%";
    const lowest = high - meaning.offsetHeight - 8;
    const highest = bar.getBoundingClientRect().bottom + 8;
    const wanted = margin.matches ? at.top - 8 : at.top > high / 2 ? highest : lowest;
    meaning.style.top = Math.max(highest, Math.min(wanted, lowest)) + "px";
  }

  function forget() {
    meaning.hidden = true;
    all(".marked").forEach((other) => other.classList.remove("marked"));
  }

  read();
})();
