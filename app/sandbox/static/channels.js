// Beside the phone: a sample on each channel, magic addresses, and what became of the messages.

import { ask } from "./api.js";
import { h, show } from "./dom.js";
import { say, sayTime } from "./words.js";

const CLASHING = new Set(["reply", "no_answer"]); // outcomes whose word means something else on this page
const at = (id) => document.getElementById(id);

export const outcomeWord = (language, outcome) => say(language, CLASHING.has(outcome) ? `${outcome}_outcome` : outcome);

export class Channels {
  constructor(outcomes, { onTrouble, onChange }) {
    this.outcomes = outcomes;
    this.onTrouble = onTrouble;
    this.onChange = onChange;
    this.last = Promise.resolve();
    at("samples").addEventListener("click", (event) => {
      const button = event.target.closest("[data-sample]");
      if (button) this.post("/sandbox/messages", { channel: button.dataset.sample }, button);
    });
    at("addresses").addEventListener("change", (event) => {
      const { channel } = event.target.dataset;
      this.post("/sandbox/addresses", { channel, outcome: event.target.value }, event.target);
    });
  }

  /** One after the other, in the order of the taps: a sample goes to the address that was chosen just before. */
  async post(path, body, control) {
    control.disabled = true;
    const before = this.last;
    let done;
    this.last = new Promise((resolve) => (done = resolve));
    await before;
    try {
      await ask("POST", path, { body: { borrower_no: this.person.borrower_no, ...body } });
    } catch (problem) {
      this.onTrouble(problem);
    }
    done();
    control.disabled = false;
    await this.onChange();
  }

  draw(language, person, seen) {
    this.person = person;
    const names = Object.keys(this.outcomes);
    show(
      at("samples"),
      ...names.map((channel) => h("button", { type: "button", "data-sample": channel }, say(language, channel))),
    );
    if (!at("addresses").contains(document.activeElement)) this.drawAddresses(language, names, seen);
    const rows = seen.deliveries.map((each) => this.delivery(language, person, each));
    const none = h("tr", null, h("td.empty", { colspan: "4" }, say(language, "no_deliveries")));
    show(at("deliveries"), ...(rows.length ? rows : [none]));
  }

  drawAddresses(language, names, seen) {
    show(
      at("addresses"),
      ...names.map((channel) =>
        h(
          "label",
          null,
          h("span", null, say(language, channel)),
          h(
            "select",
            { "data-channel": channel },
            ...["own", ...this.outcomes[channel].filter((each) => each !== "delivered")].map((outcome) =>
              h("option", { value: outcome, selected: seen.addresses[channel] === outcome }, outcomeWord(language, outcome)),
            ),
          ),
          seen.endpoints[channel] ? h("span.badge.DEFERRED", null, say(language, seen.endpoints[channel])) : null,
        ),
      ),
    );
  }

  delivery(language, person, each) {
    const time = sayTime(language, new Date(each.at), person.zone, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
    const tries = each.attempts.map((one) => `${one.provider}: ${one.outcome}${one.error ? ` (${one.error})` : ""}`);
    const told = each.receipts.map((one) =>
      one.kind === "inbound" ? `← ${say(language, "reply")}` : `${one.told}${one.raw ? ` (${one.raw})` : ""}`,
    );
    return h(
      "tr",
      { "data-channel": each.channel, "data-state": each.state },
      h(
        "th",
        { scope: "row" },
        say(language, each.channel),
        h("small", null, each.withdraws ? `${say(language, "withdrawal")} · ${time}` : time),
      ),
      h(
        "td",
        null,
        h(`span.badge.${each.state}`, null, say(language, each.state)),
        each.reason ? h("small", null, each.reason) : null,
      ),
      h("td", null, ...lines(tries)),
      h("td", null, ...lines(told)),
    );
  }
}

const lines = (texts) => (texts.length ? texts.map((text) => h("div", null, text)) : ["–"]);
