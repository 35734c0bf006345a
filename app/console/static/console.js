// Comforts that every page does without: keys, and polling that can be stopped. Two choices are kept in this browser.
"use strict";
(() => {
  const kept = (name) => localStorage.getItem(`duecourse.${name}`) !== "off";
  const keep = (name, on) => localStorage.setItem(`duecourse.${name}`, on ? "on" : "off");
  const dialog = () => document.getElementById("keys");
  const rows = () => [...document.querySelectorAll("[data-rows] > *")]
    .map((row) => row.querySelector("a[href], button")).filter((found) => found && found.offsetParent);
  let waiting = 0; // until when a key after "g" counts, in milliseconds of the page

  function step(by) {
    const all = rows();
    const here = all.findIndex((each) => each.closest("[data-rows] > *").contains(document.activeElement));
    const next = all[here < 0 ? (by > 0 ? 0 : all.length - 1) : here + by];
    if (next) { next.focus(); next.scrollIntoView({ block: "nearest" }); }
  }

  function press(event) {
    if (event.key === "/") { document.getElementById("search")?.focus(); document.getElementById("search")?.select(); }
    else if (event.key === "?") dialog()?.showModal();
    else if (event.key === "j" || event.key === "k") step(event.key === "j" ? 1 : -1);
    else if (event.key === "g") { waiting = event.timeStamp + 1500; }
    else return false;
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || dialog()?.open) return;
    const at = document.activeElement;
    if (at?.matches("input:not([type=checkbox], [type=radio]), textarea, select")) {
      if (event.key === "Escape") at.blur();
      return;
    }
    if (!kept("keys")) return;
    if (event.timeStamp < waiting) {
      waiting = 0;
      const link = document.querySelector(`a[data-key="${CSS.escape(event.key)}"]`);
      if (link) { event.preventDefault(); link.click(); return; }
    }
    if (press(event)) event.preventDefault();
  });

  document.addEventListener("DOMContentLoaded", () => {
    for (const opener of document.querySelectorAll("[data-opens]")) {
      opener.hidden = false;
      opener.addEventListener("click", () => document.getElementById(opener.dataset.opens)?.showModal());
    }
    const token = document.querySelector("input[data-from-link]"); // what stands behind # is in no log; nor in the history
    if (token && location.hash.length > 1) {
      token.value ||= location.hash.slice(1);
      history.replaceState(null, "", location.pathname);
    }
    for (const choice of document.querySelectorAll("input[data-kept]")) {
      choice.checked = kept(choice.dataset.kept);
      choice.addEventListener("change", () => keep(choice.dataset.kept, choice.checked));
    }
  });

  // A poll is not sent while nobody looks, or where it was switched off.
  document.addEventListener("htmx:before:request", (event) => {
    const asks = event.target.closest?.("[data-poll]");
    if (asks && event.target === asks && (document.hidden || !kept("live"))) event.preventDefault();
  });
})();
