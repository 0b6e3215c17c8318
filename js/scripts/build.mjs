// Bundles the page into the Python package: an ES module, a style sheet, and what they load
// on demand.
//   --watch      again at each change
//   --host DIR   the bare host page (dev/) into DIR instead, for a look without Jupyter

import { copyFileSync, mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
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

/** KaTeX's fonts go into its style sheet, in the one format that every browser reads. */
const fonts = {
  name: "fonts",
  setup({ onLoad }) {
    onLoad({ filter: /katex\.css$/ }, async ({ path }) => {
      const css = await readFile(path, "utf8");
      const contents = css.replaceAll(/,\s*url\([^)]*\) format\(["'](?:woff|truetype)["']\)/g, "");
      return { contents, loader: "css" };
    });
  },
};

/** Build one file each, since outputs share names; all but the first three are loaded on demand. */
function outputs(outdir, script) {
  const lazy = ["katex", "languages"].map((name) => here(`../src/lazy/${name}.ts`));
  return [
    { ...common, outdir, entryPoints: [script] },
    { ...common, outdir, entryPoints: [here("../src/loader.ts")] },
    { ...common, outdir, entryPoints: { widget: here("../src/styles/index.css") } },
    { ...common, outdir, entryPoints: lazy },
    {
      ...common,
      outdir,
      entryPoints: { katex: here("../node_modules/katex/dist/katex.css") },
      loader: { ".woff2": "dataurl" },
      plugins: [fonts],
    },
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
