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

const putOff = new Map(); // place -> what it will show when the tap is over
let isTapped = false;
addEventListener("pointerdown", () => (isTapped = true), true);
addEventListener("click", () => (isTapped = false), true); // before whatever the tap does
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => setTimeout(catchUp), true);

function catchUp() {
  isTapped = false;
  for (const [place, children] of [...putOff]) show(place, ...children);
}

/** Replace what is in `place` only when it would look different, and not while a finger or the mouse is down: a tap on what is
 * no longer there does nothing, and a screen reader must not be interrupted. */
export function show(place, ...children) {
  putOff.delete(place);
  if (isTapped) {
    putOff.set(place, children);
    return;
  }
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
