// The borrower's side of the API, as an app would use it: sign-in by code, rotating tokens, one retry after a refresh.

export class Problem extends Error {
  constructor(status, body) {
    super(body?.detail ?? `HTTP ${status}`);
    this.status = status;
    this.code = body?.code;
  }
}

export async function ask(method, path, { body, token, language, headers: more } = {}) {
  const headers = { Accept: "application/json", ...more };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  if (language) headers["Accept-Language"] = language === "zh" ? "zh-CN" : "en";
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await answer.text();
  const value = text ? JSON.parse(text) : null;
  if (!answer.ok) throw new Problem(answer.status, value);
  return value;
}

/** One borrower's session on one installation; its tokens survive a reload of the page. */
export class Session {
  constructor(person) {
    this.person = person;
    this.installation = `sandbox-phone-${person.borrower_no}`;
    this.key = `duecourse.${person.borrower_no}`;
    this.tokens = JSON.parse(sessionStorage.getItem(this.key) ?? "null");
    this.language = person.locale.startsWith("zh") ? "zh" : "en";
    this.now = null; // of the book's clock; whoever holds the session keeps it up to date
  }

  get isSignedIn() {
    return this.tokens !== null;
  }

  async requestCode() {
    const body = { phone: this.person.phone, installation_id: this.installation };
    this.challenge = await ask("POST", "/v1/auth/otp", { body, language: this.language });
  }

  async signIn(code) {
    const body = {
      grant_type: "otp",
      challenge_id: this.challenge.challenge_id,
      code,
      installation_id: this.installation,
      device_label: "Sandbox phone",
    };
    this.#keep(await ask("POST", "/v1/auth/token", { body, language: this.language }));
    await this.registerDevice();
  }

  registerDevice() {
    const body = {
      platform: "android",
      app_version: "1.0.0",
      zone: this.person.zone,
      locale: this.person.locale,
      push_permission: true,
      target_kind: "token",
      target: this.person.push_address,
    };
    return this.call("PUT", `/v1/me/devices/${this.installation}`, body);
  }

  signOut() {
    this.#keep(null);
  }

  async call(method, path, body, headers) {
    if (this.now >= new Date(this.tokens.good_until)) await this.#refresh();
    try {
      return await ask(method, path, { body, headers, token: this.tokens.access_token, language: this.language });
    } catch (problem) {
      if (problem.status !== 401) throw problem;
    }
    await this.#refresh();
    return ask(method, path, { body, headers, token: this.tokens.access_token, language: this.language });
  }

  /** Several calls that find the token stale share one refresh: each refresh token is good once. */
  #refresh() {
    this.refreshing ??= this.#renew().finally(() => (this.refreshing = null));
    return this.refreshing;
  }

  async #renew() {
    const body = { grant_type: "refresh_token", refresh_token: this.tokens.refresh_token };
    try {
      this.#keep(await ask("POST", "/v1/auth/token", { body, language: this.language }));
    } catch (problem) {
      if (problem.status === 401) this.signOut();
      throw problem;
    }
  }

  #keep(tokens) {
    if (tokens !== null) tokens.good_until = new Date(this.now.getTime() + (tokens.expires_in - 5) * 1000);
    this.tokens = tokens;
    if (tokens === null) sessionStorage.removeItem(this.key);
    else sessionStorage.setItem(this.key, JSON.stringify(tokens));
  }
}
