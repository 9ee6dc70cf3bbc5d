// What the page does besides drawing: theme, filters, unfolding what a link points to. Works without any of it.
"use strict";
(() => {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const remembered = () => { try { return localStorage.getItem("nndoctor-theme"); } catch { return null; } };
  const remember = (theme) => { try { localStorage.setItem("nndoctor-theme", theme); } catch { /* no storage here */ } };
  const wishes = matchMedia("(prefers-color-scheme: dark)");

  function paint(theme) {
    if (root.dataset.theme === theme) return;
    root.dataset.theme = theme;
    button.textContent = theme === "dark" ? "Light" : "Dark";
    document.dispatchEvent(new Event("themechange"));
  }
  const wanted = () => remembered() ?? (wishes.matches ? "dark" : "light");
  paint(wanted());
  wishes.addEventListener("change", () => paint(wanted()));
  button.addEventListener("click", () => {
    const theme = root.dataset.theme === "dark" ? "light" : "dark";
    remember(theme);
    paint(theme);
  });

  const filters = [...document.querySelectorAll(".filter")];
  const search = document.getElementById("search");
  const reasons = [...document.querySelectorAll(".reason")];
  const texts = reasons.map((reason) => reason.textContent.toLowerCase());
  function filter() {
    const kinds = new Set(filters.filter((f) => f.ariaPressed === "true").map((f) => f.dataset.kind));
    const words = search.value.trim().toLowerCase();
    reasons.forEach((reason, i) => { reason.hidden = !kinds.has(reason.dataset.kind) || !texts[i].includes(words); });
    for (const chapter of document.querySelectorAll(".chapter")) {
      chapter.hidden = !chapter.querySelector(".reason:not([hidden])");
    }
    const shown = reasons.filter((reason) => !reason.hidden).length;
    document.getElementById("shown").textContent = shown < reasons.length ? `${shown} of ${reasons.length} shown` : "";
  }
  for (const each of filters) {
    each.addEventListener("click", () => {
      each.ariaPressed = each.ariaPressed === "true" ? "false" : "true";
      filter();
    });
  }
  search.addEventListener("input", filter);

  for (const button of document.querySelectorAll("[data-copy]")) {
    const text = document.getElementById(button.dataset.copy);
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(text);
      }
    });
  }

  function unfold() {
    const goal = document.getElementById(location.hash.slice(1));
    const inside = goal?.closest("details");
    if (!inside || inside.open) return;
    inside.open = true;
    goal.scrollIntoView();
  }
  addEventListener("hashchange", unfold);
  unfold();

  // On paper nothing can be unfolded, and dark ink on white is read best.
  let folded = [];
  let before = "light";
  addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    paint("light");
    folded = [...document.querySelectorAll("details.fold:not([open]), .tree details:not([open])")];
    for (const each of folded) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of folded) each.open = false;
    paint(before);
  });
})();
