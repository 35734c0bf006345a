// Small comforts that a page does without: "/" goes to the search.
"use strict";
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? "")) return;
  const search = document.getElementById("search");
  if (search) { event.preventDefault(); search.focus(); }
});
