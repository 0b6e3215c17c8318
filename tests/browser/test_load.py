# ruff: noqa: E501 - hostile texts are kept as they come
"""A page under load and under attack: fast streams, and two hundred hostile texts (S11)."""

from __future__ import annotations

import itertools
import json
from typing import Any

from bare_host import hook
from playwright.sync_api import Page, Request, expect

#: Streams a text in `rate` pieces a second, as fast as a kernel ever sends; meanwhile a timer
#: ticks and tells the longest that the page kept it waiting (ms).
_FAST = """([text, rate]) => new Promise((done) => {
  const live = {k: 500, id: 'fast', turn_id: 't-1', block: {type: 'text', text: ''},
    parent_tool_use_id: null};
  mock.events({type: 'open', live});
  const step = Math.ceil(text.length / (rate * 4));
  const started = performance.now();
  let at = 0, last = started, longest = 0;
  const waits = [];
  const tick = setInterval(() => {
    const now = performance.now();
    waits.push(now - last);
    last = now;
    const due = Math.min(text.length, Math.floor((now - started) / 1000 * rate) * step);
    for (; at < due; at += step) mock.events({type: 'd', k: 500, s: text.slice(at, at + step)});
    if (at < text.length) return;
    clearInterval(tick);
    mock.events({type: 'close', k: 500, block: null, drop: false});
    waits.sort((a, b) => a - b);
    requestAnimationFrame(() => done({p50: waits[waits.length >> 1], p95:
      waits[Math.floor(waits.length * 0.95)], took: performance.now() - started}));
  }, 5);
})"""
_UNIT = "Some **words** and `code`, then a list:\n\n- a\n- b\n\n```py\nx = f(1)\n```\n\n"


def test_a_fast_stream_leaves_the_page_responsive(page: Page, host: str) -> None:
    """200 KB at 200 updates a second: a key is answered at once, and nothing of the text is lost."""
    page.goto(f"{host}?kind=chat&scene=none")
    page.wait_for_function("window.mock?.sent.length > 0")
    page.evaluate("mock.snapshot()")
    text = _UNIT * (200_000 // len(_UNIT)) + "The very end."
    seen: dict[str, Any] = page.evaluate(_FAST, [text, 200])
    # Milliseconds, of a machine that has other things to do: a page that drew all anew with each
    # update would keep the timer waiting for seconds.
    assert seen["p50"] < 250, seen
    assert seen["p95"] < 2000, seen
    expect(page.locator(hook("log"))).to_contain_text("The very end.")
    page.locator(hook("composer")).press_sequentially("still here")
    expect(page.locator(hook("composer"))).to_have_value("still here")


_MARKUP = (
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "<img src=https://evil.example/p.png srcset='https://evil.example/q.png 2x'>",
    "<svg onload='window.hacked = 1'><a href='javascript:window.hacked=1'><text>x</text></a></svg>",
    "<svg><image href='https://evil.example/s.png'/><use href='https://evil.example/u#a'/></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--><img src=x onerror=hacked=1>'>",
    "<iframe src='https://evil.example/f' srcdoc='<script>parent.hacked=1</script>'></iframe>",
    "<object data='https://evil.example/o'></object><embed src='https://evil.example/e'>",
    "<link rel=stylesheet href='https://evil.example/l.css'><base href='https://evil.example/'>",
    "<style>@import 'https://evil.example/i.css'; * {background: url(https://evil.example/b)}</style>",
    "<form action='https://evil.example/a'><button formaction='javascript:hacked=1'>Go</button></form>",
    "<div style='background:url(https://evil.example/d)' onclick='hacked=1' data-ipc='allow-once'>a</div>",
    "<a href='javascript:window.hacked=1' id='x' name='getElementById'>a</a>",
    "<a href=' java\tscript:window.hacked=1'>b</a><a href='data:text/html,<script>1</script>'>c</a>",
    "<video src='https://evil.example/v' poster='https://evil.example/w' autoplay></video>",
    "<input autofocus onfocus='hacked=1'><details open ontoggle='hacked=1'>t</details>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/m'>",
    "<template><script>hacked=1</script></template><noscript><img src=x onerror=hacked=1></noscript>",
    "[a](javascript:window.hacked=1) ![b](https://evil.example/c.png) [c]: javascript:hacked=1",
    "<https://evil.example/auto> ![x](x' onerror='hacked=1) [y](<javascript:hacked=1>)",
    "$\\href{javascript:window.hacked=1}{x}$ $\\includegraphics{https://evil.example/k.png}$",
    "$$\\htmlData{ipc=allow-once}{x} \\url{javascript:hacked=1} \\htmlStyle{background:url(x)}{y}$$",
    "[^1]\n\n[^1]: <img src=x onerror=hacked=1> [z](javascript:hacked=1)",
    "```html\n<script>window.hacked = 1</script>\n```\n~~~\n<img src=x onerror=hacked=1>\n~~~",
    "\u202e<img src=x onerror=hacked=1>\u2066 \u0000<script\x0c>hacked=1</script>",
)
#: Where a hostile text can come from: each is given the text and puts it on the page.
_PLACES = {
    "answer": "text => say('assistant', [{type: 'text', text}])",
    "prompt": "text => say('user', [{type: 'text', text}])",
    "thinking": "text => say('assistant', [{type: 'thinking', thinking: text, signature: ''}])",
    "command": """text => { call('Bash', {command: text}, text);
      call('Read', {file_path: text}, `     1→${text}`); }""",
    "web": """text => { call('WebFetch', {url: text}, text);
      call('WebSearch', {query: text}, `Links: ${JSON.stringify([{title: text, url: text}])}\n`); }""",
    "tools": """text => { call('Task', {description: text, prompt: text}, text);
      call('ExitPlanMode', {plan: text}, text); call(text, {[text]: text}, [{type: text, text}]);
      call('Edit', {file_path: text, old_string: text, new_string: 'x'}, text); }""",
    "names": """text => mock.snapshot({session: {...base, name: text, title: text},
      todos: [{key: 'k', content: text, status: 'in_progress', active_form: text, priority: text,
        parent_tool_use_id: null}],
      queued: [{id: 'q', text, held: true}],
      approvals: [{client_id: 'a', session_id: 's-1', turn_id: 't-1', tool_use_id: 'u',
        tool_name: text, input: {command: text}, title: text, description: text, pattern: text,
        status: 'pending', scope: 'once', reason: '', decided_by: '', created_at: 0,
        decided_at: null}]})""",
    "notices": """text => say('system', [{type: 'notice', level: 'error', kind: '', what: text,
      why: text, fix: text}, {type: 'unknown', raw: {type: text, text}},
      {type: 'image', source: {type: 'url', url: text}},
      {type: 'image', source: {type: 'base64', media_type: 'image/svg+xml', data: text}}])""",
}
_SET_UP = """() => {
  let made = 0;
  window.say = (type, content) => mock.events({type: 'message', message: {
    client_id: `h-${++made}`, session_id: 's-1', type, content, turn_id: 't-1', timestamp: 0,
    seq: null, parent_tool_use_id: null, author_id: null, model: null, cost: null, uuid: null}});
  window.call = (name, input, content) => {
    const id = `c-${++made}`;
    say('assistant', [{type: 'tool_use', id, name, input}]);
    say('tool', [{type: 'tool_result', tool_use_id: id, content, is_error: false}]);
  };
  window.base = {client_id: 's-1', name: 'x', cwd: '/', phase: {type: 'idle'}, title: '',
    cost_usd: 0, message_count: 0, last_activity_at: 0, holder: null, holder_expires_at: null};
  mock.snapshot();
}"""
_BAD = (
    "script, iframe, object, embed, form, video, audio, base, link, meta, template, style:not(.ok),"
    " [onerror], [onload], [onclick], [ontoggle], [onfocus], img[src^=http], image, use,"
    " a[href^='javascript' i], a[href^='data' i]"
)


def test_two_hundred_hostile_texts_run_and_fetch_nothing(page: Page, host: str) -> None:
    """In answers, prompts, tools, names and formulas: no script runs, no request is made (S11)."""
    assert len(_MARKUP) * len(_PLACES) >= 200
    asked: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((host.rpartition("/")[0], "blob:", "data:")):
            asked.append(request.url)

    page.on("request", note)
    page.on("dialog", lambda dialog: dialog.dismiss())
    # In the output of a cell all rows are in the document, none waits out of sight.
    page.goto(f"{host}?kind=turn&scene=none")
    page.wait_for_function("window.mock?.sent.length > 0")
    page.evaluate(_SET_UP)
    for text, (place, put) in itertools.product(_MARKUP, _PLACES.items()):
        page.evaluate(f"({put})({_js(text)})")
        if place == "names":
            _check(page, text)
    _check(page, "all")
    page.goto(f"{host}?kind=chat&scene=none")
    page.wait_for_function("window.mock?.sent.length > 0")
    page.evaluate(_SET_UP)
    for text in _MARKUP:
        page.evaluate(f"({_PLACES['names']})({_js(text)})")
        _check(page, text)
    assert asked == []


def _js(text: str) -> str:
    return json.dumps(text)


def _check(page: Page, what: str) -> None:
    page.evaluate("""() => new Promise((done) => requestAnimationFrame(() => {
      for (const each of document.querySelectorAll('.ipc details')) each.open = true;
      requestAnimationFrame(() => requestAnimationFrame(done));
    }))""")
    assert page.evaluate("window.hacked") is None, what
    bad = page.locator(f".ipc :is({_BAD})")
    assert bad.count() == 0, (what, bad.first.evaluate("(el) => el.outerHTML"))
