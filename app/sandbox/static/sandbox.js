// The page: whose phone, the book's clock, and what the engine decided.

import { ask } from "./api.js";
import { Channels } from "./channels.js";
import { h, show } from "./dom.js";
import { Phone } from "./phone.js";
import { say, sayDay, sayStep, sayTime } from "./words.js";

const LOOK_EVERY_MS = 1000;
const LOOK_OFTEN_MS = 300; // while the clock is being moved
const ALERT_MS = 6000;
const SHORT = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
const at = (id) => document.getElementById(id);

let language = localStorage.getItem("duecourse.language") ?? (navigator.language.startsWith("zh") ? "zh" : "en");
let people = [];
let channels = null;
let person = null;
let phone = null;
let since = 0;
let looked = null;
let timer = null;
let lookNo = 0;
let calmTimer = null;

async function begin() {
  const known = await ask("GET", "/sandbox/people");
  people = known.people;
  channels = new Channels(known.outcomes, { onTrouble: trouble, onChange: look });
  for (const button of document.querySelectorAll("[data-language]")) {
    button.addEventListener("click", () => speak(button.dataset.language));
  }
  for (const button of document.querySelectorAll("[data-move]")) {
    button.addEventListener("click", () => move(button.dataset.move));
  }
  at("people").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) choose(people.find((each) => each.borrower_no === button.dataset.no));
  });
  at("screen").addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]");
    if (button && !button.disabled) phone.tap(button).catch(trouble);
  });
  const wanted = decodeURIComponent(location.hash.slice(1));
  const speaks = (each) => each.locale.startsWith("zh") === (language === "zh");
  choose(people.find((each) => each.borrower_no === wanted) ?? people.find(speaks));
}

function choose(chosen) {
  phone?.leave();
  person = chosen;
  history.replaceState(null, "", `#${person.borrower_no}`);
  phone = new Phone(at("screen"), person, { onTrouble: trouble });
  since = 0;
  looked = null;
  at("screen").replaceChildren();
  speak(language);
  look();
}

function speak(chosen) {
  language = chosen;
  localStorage.setItem("duecourse.language", language);
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.title = `Duecourse ${say(language, "sandbox")}`;
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = say(language, element.dataset.word);
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
  show(
    at("people"),
    ...people.map((each) =>
      h(
        "button",
        { type: "button", role: "radio", "data-no": each.borrower_no, "aria-checked": String(each === person) },
        each.name,
        h("small", null, each.country),
      ),
    ),
  );
  if (looked) draw();
}

/** Look again and again; a look for an earlier choice that answers late is dropped. */
async function look() {
  clearTimeout(timer);
  const no = ++lookNo;
  const watched = phone;
  try {
    const seen = await ask("GET", `/sandbox/phones/${person.borrower_no}?since=${since}`);
    if (no !== lookNo) return;
    since = seen.received.next;
    looked = seen;
    person.phone = seen.phone;
    draw();
    await watched.update(new Date(seen.now), seen.received.items, {
      isMoving: Boolean(seen.travel_to),
      deliveries: seen.deliveries,
    });
    if (!seen.has_provider) trouble(new Error(say(language, "no_provider")));
  } catch (problem) {
    trouble(problem);
  }
  if (no === lookNo) timer = setTimeout(look, looked?.travel_to ? LOOK_OFTEN_MS : LOOK_EVERY_MS);
}

async function move(to) {
  document.querySelector(".clock").classList.add("is-moving");
  lookNo += 1; // a look that is under way does not know of the journey yet
  try {
    const answer = await ask("POST", "/sandbox/clock", { body: { to, borrower_no: person.borrower_no } });
    looked.travel_to = answer.travel_to;
    draw();
  } catch (problem) {
    trouble(problem);
  }
  await look();
}

function draw() {
  const now = new Date(looked.now);
  const clock = document.querySelector(".clock");
  clock.classList.toggle("is-moving", Boolean(looked.travel_to));
  at("clock-time").textContent = sayTime(language, now, person.zone, { hour: "2-digit", minute: "2-digit" });
  at("clock-time").setAttribute("datetime", looked.now);
  const day = { weekday: "long", day: "numeric", month: "long", year: "numeric" };
  at("clock-date").textContent = `${sayTime(language, now, person.zone, day)} · ${person.zone}`;
  const to = looked.travel_to && sayTime(language, new Date(looked.travel_to), person.zone, SHORT);
  const next = looked.next_due_on ? say(language, "next_due_is", { on: sayDay(language, looked.next_due_on) }) : "";
  at("clock-note").textContent = to ? say(language, "moving", { to }) : `${say(language, "running")} ${next}`;
  for (const button of document.querySelectorAll("[data-move]")) {
    button.disabled = Boolean(looked.travel_to) || (button.dataset.move === "next_due" && !looked.next_due_on);
  }
  channels.draw(language, person, looked);
  drawDecisions();
}

function drawDecisions() {
  const rows = looked.decisions.map((each) =>
    h(
      "li",
      null,
      h("span.when", null, sayTime(language, new Date(each.occurs_at), person.zone, SHORT)),
      h(
        "span.what",
        null,
        `${say(language, "instalment", { loan: each.loan_no, row: each.row_no })}, ${sayStep(language, each.step_key)}`,
        h("small", null, `${say(language, each.reason)} `, h("code", null, each.reason)),
      ),
      h(`span.badge.${each.outcome}`, null, say(language, each.outcome)),
    ),
  );
  show(at("decisions"), ...(rows.length ? rows : [h("li.empty", null, say(language, "no_decisions"))]));
}

/** Say what went wrong for a while; what goes on going wrong is said again at the next look. */
function trouble(problem) {
  const isSilence = problem instanceof TypeError;
  at("alert").textContent = isSilence ? say(language, "no_answer") : problem.message;
  at("alert").hidden = false;
  clearTimeout(calmTimer);
  calmTimer = setTimeout(() => (at("alert").hidden = true), ALERT_MS);
}

begin().catch(trouble);
