import { describe, expect, test } from "vitest";
import { who } from "../dev/mock";
import { all, frame, last, one, press, ready } from "./helpers";

const LINK = "https://id.test/device?code=ABCD";
const PROMPT = { url: LINK, shown: "https://id.test/device", code: "ABCD" };

function field(el: HTMLElement, label: string): HTMLInputElement {
  const found = [...el.querySelectorAll("label")].find((each) => each.textContent === label);
  const input = found?.querySelector("input");
  if (!input) throw new Error(`no ${label}`);
  return input;
}

describe("signing in", () => {
  test("without Convex there is nothing to sign in to", async () => {
    const { el } = await ready();
    expect(one(el, "account").parentElement?.hidden).toBe(true);
  });

  test("a code and a link are shown, then who it is, and one can leave", async () => {
    const { model, el } = await ready({ who: who({ state: "out", ways: ["work"] }) });
    model.answers.sign_in = () => null;
    model.answers.sign_out = () => null;
    one(el, "account").click();
    one<HTMLInputElement>(el, "keep").checked = true;
    one(el, "sign-in").click();
    expect(last(model)).toMatchObject({ type: "sign_in", way: "work", keep: true });
    model.events({ type: "who", who: who({ state: "waiting", prompt: PROMPT }) });
    await frame();
    expect(one(el, "sign-in-link").getAttribute("href")).toBe(LINK);
    expect(one(el, "sign-in-code").textContent).toBe("ABCD");
    const ada = who({ state: "in", name: "ada", by: "At work.", can_leave: true });
    model.events({ type: "who", who: ada });
    await frame();
    expect(one(el, "account").getAttribute("aria-label")).toBe("Signed in as ada");
    expect(one(el, "account-words").textContent).toBe("You are signed in as ada. At work.");
    expect(all(el, "only-here")).toEqual([]);
    one(el, "sign-out").click();
    expect(last(model)).toMatchObject({ type: "sign_out" });
    model.events({ type: "who", who: { ...ada, only_here: 2 } });
    await frame();
    expect(one(el, "only-here").textContent).toContain("2 sessions are on this machine only");
  });

  test("one who waits can stop, and is told why it came to nothing", async () => {
    const { model, el } = await ready({ who: who({ state: "waiting", prompt: PROMPT }) });
    model.answers.cancel_sign_in = () => null;
    one(el, "account").click();
    one(el, "cancel-sign-in").click();
    expect(last(model)).toMatchObject({ type: "cancel_sign_in" });
    const error = { what: "You are not signed in.", why: "It ran out.", fix: "" };
    model.events({ type: "who", who: who({ state: "out", ways: ["work"], error }) });
    await frame();
    expect(one(el, "account-failure").textContent).toContain("It ran out.");
  });

  test("the keyboard stays in the panel while what it holds changes", async () => {
    const { model, el } = await ready({ who: who({ state: "out", ways: ["work"] }) });
    one(el, "account").click();
    one(el, "sign-in").focus();
    model.events({ type: "who", who: who({ state: "waiting", prompt: PROMPT }) });
    await frame();
    expect(document.activeElement).toBe(one(el, "sign-in-link"));
    press(one(el, "sign-in-link"), "Escape");
    expect(one(el, "account-panel").hidden).toBe(true);
    expect(document.activeElement).toBe(one(el, "account"));
  });

  test("an address that is no web page is no link (S11)", async () => {
    const prompt = { ...PROMPT, url: "javascript:alert(1)" };
    const { el } = await ready({ who: who({ state: "waiting", prompt }) });
    expect(all(el, "sign-in-link")).toEqual([]);
  });

  test("a password is sent once and stays nowhere on the page (S6)", async () => {
    const { model, el } = await ready({ who: who({ state: "out", accounts: true }) });
    const [email, password] = one(el, "account-form").querySelectorAll("input");
    if (!email || !password) throw new Error("no fields");
    email.value = "ada@example.test";
    password.value = "secret";
    one<HTMLFormElement>(el, "account-form").requestSubmit();
    expect(last(model)).toMatchObject({ email: "ada@example.test", password: "secret" });
    expect(password.value).toBe("");
    expect(el.innerHTML).not.toContain("secret");
  });

  test("a code is mailed if there is mail, and then asked for in every chat", async () => {
    const out = who({ state: "out", accounts: true });
    const { model, el } = await ready({ who: out });
    model.answers.mail_code = () => null;
    model.answers.sign_in = () => null;
    one(el, "account").click();
    expect(all(el, "mail-code")).toEqual([]);
    model.events({ type: "who", who: { ...out, mail: true } });
    await frame();
    const email = field(el, "E-mail");
    one(el, "mail-code").click();
    expect(model.sent.some(({ type }) => type === "mail_code")).toBe(false);
    email.value = "ada@example.test";
    email.focus();
    one(el, "mail-code").click();
    expect(last(model)).toMatchObject({ type: "mail_code", email: "ada@example.test" });
    model.events({ type: "who", who: { ...out, mail: true, mailed: "ada@example.test" } });
    await frame();
    expect(document.activeElement).toBe(email);
    expect(one(el, "mailed").textContent).toContain("If ada@example.test has an account");
    field(el, "Code").value = "ABCDE-FGHJK";
    one<HTMLFormElement>(el, "account-form").requestSubmit();
    const typed = { email: "ada@example.test", password: "", code: "ABCDE-FGHJK" };
    expect(last(model)).toMatchObject({ type: "sign_in", ...typed });
    expect(field(el, "Code").value).toBe("");
  });

  test("a code that was given needs no mail", async () => {
    const { el } = await ready({ who: who({ state: "out", accounts: true }) });
    one(el, "use-code").click();
    expect(field(el, "Code")).toBeTruthy();
    one(el, "use-code").click();
    expect(all(el, "account-form")[0]?.querySelectorAll("input").length).toBe(2);
  });

  test("without accounts and providers there is nothing to fill in, and why is said", async () => {
    const { el } = await ready({ who: who({ state: "out", by: "No accounts." }) });
    expect(all(el, "account-form")).toEqual([]);
    expect(one(el, "account-words").textContent).toContain("No accounts.");
  });

  test("whose sign-in comes from outside is shown, and nothing to press", async () => {
    const { el } = await ready({ who: who({ state: "in", name: "ada", by: "The hub's user." }) });
    one(el, "account").click();
    expect(all(el, "sign-out")).toEqual([]);
    expect(one(el, "account-words").textContent).toContain("The hub's user.");
  });
});
