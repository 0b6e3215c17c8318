// Bundles the page into the Python package: one ES module and one style sheet.
//   --watch      again at each change
//   --host DIR   the bare host page (dev/) into DIR instead, for a look without Jupyter

import { copyFileSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build, context } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** @type {import("esbuild").BuildOptions} */
const common = {
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
};

/** Build one file each, since two outputs share the name `widget`. */
function outputs(outdir, script) {
  return [
    { ...common, outdir, entryPoints: [script] },
    { ...common, outdir, entryPoints: { widget: here("../src/styles/index.css") } },
  ];
}

const host = process.argv.indexOf("--host");
if (host > 0) {
  const outdir = process.argv[host + 1];
  mkdirSync(outdir, { recursive: true });
  await Promise.all(outputs(outdir, here("../dev/host.ts")).map(build));
  copyFileSync(here("../dev/host.html"), `${outdir}/host.html`);
} else {
  const wanted = outputs(here("../../src/ipyclaude/static"), here("../src/widget.ts"));
  if (process.argv.includes("--watch")) {
    for (const each of wanted) await (await context(each)).watch();
  } else {
    await Promise.all(wanted.map(build));
  }
}
