// Making elements without a framework; text is always set as text.

/** h("p.note", { id: "x", onclick }, "text", child, ...) */
export function h(tag, attributes, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Replace what is in `place` only when it would look different: a tap or a screen reader must not be interrupted. */
export function show(place, ...children) {
  const fresh = h("div", null, ...children);
  if (place.innerHTML === fresh.innerHTML) return;
  const typed = place.contains(document.activeElement) && document.activeElement.id ? document.activeElement : null;
  const before = place.querySelector(".scrolls");
  const scrolled = before?.scrollTop;
  const atEnd = !before || before.scrollTop + before.clientHeight >= before.scrollHeight - 40;
  place.replaceChildren(...fresh.childNodes);
  const scroller = place.querySelector(".scrolls");
  if (scroller?.dataset.end && atEnd) scroller.scrollTop = scroller.scrollHeight;
  else if (scroller && scrolled) scroller.scrollTop = scrolled;
  const again = typed && document.getElementById(typed.id);
  if (!again) return;
  if ("value" in typed) again.value = typed.value;
  again.focus();
}
