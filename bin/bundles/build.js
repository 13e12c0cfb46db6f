// Builds the bundles and collects the licences of the packages that end up in them.
import { build } from "esbuild";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

const out = process.argv[2];
const BUNDLES = { "rich-text": "tiptap", "code-editor": "codemirror" };

function packageOf(file) {
  const path = file.slice(file.lastIndexOf("node_modules/") + "node_modules/".length).split("/");
  return path[0].startsWith("@") ? path.slice(0, 2).join("/") : path[0];
}

async function licenceOf(name) {
  const folder = join("node_modules", name);
  const about = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const file = (await readdir(folder)).find((entry) => /^licen[cs]e(\.|$)/i.test(entry));
  if (!file && about.license !== "MIT") throw new Error(`${name} has no licence file and is ${about.license}`);
  const text = file ? await readFile(join(folder, file), "utf8") : "MIT, as its package.json declares.";
  return `${name} ${about.version}\n\n${text.trim()}\n`;
}

for (const [entry, folder] of Object.entries(BUNDLES)) {
  const target = join(out, folder);
  await mkdir(target, { recursive: true });
  const result = await build({
    entryPoints: [`${entry}.js`],
    outfile: join(target, `${entry}.min.js`),
    bundle: true,
    format: "esm",
    minify: true,
    legalComments: "none",
    metafile: true,
    target: "es2022",
  });
  const files = Object.keys(result.metafile.inputs).filter((file) => file.includes("node_modules/"));
  const names = [...new Set(files.map(packageOf))].sort();
  const licences = await Promise.all(names.map(licenceOf));
  await writeFile(join(target, "LICENSES.txt"), licences.join(`\n${"-".repeat(78)}\n\n`));
}

const sortable = join(out, "sortable");
await mkdir(sortable, { recursive: true });
await build({
  entryPoints: ["node_modules/sortablejs/modular/sortable.esm.js"],
  outfile: join(sortable, "sortable.min.js"),
  minify: true,
  legalComments: "none",
  target: "es2022",
});
await writeFile(join(sortable, "LICENSE"), await readFile("node_modules/sortablejs/LICENSE", "utf8"));
