// Speaks the part of the native solc command line that py-solc-x, forge and slither use, over the npm compiler.
//
//   --version        prints a version line; the wasm build's platform name is rewritten, as forge accepts native ones only
//   --standard-json  reads the input from stdin (or a file argument) and prints the output JSON and nothing else
//   everything else (--allow-paths, --base-path, --include-path and their values) is dropped: sources come inline
"use strict";
const fs = require("node:fs");
const path = require("node:path");

const args = process.argv.slice(2);
const compiler = require("solc");

if (args.includes("--version") || args.includes("-V")) {
  const version = compiler.version().replace("Emscripten.clang", "Linux.g++");
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${version}\n`);
} else if (args.includes("--standard-json")) {
  const next = args[args.indexOf("--standard-json") + 1];
  const input = fs.readFileSync(next && !next.startsWith("-") ? next : 0, "utf8");
  // Imports that were not given inline are looked for under the contracts folder only.
  const root = path.resolve(__dirname, "..");
  const read = (name) => {
    for (const base of [root, path.join(root, "node_modules")]) {
      const file = path.resolve(base, name);
      if (file.startsWith(root + path.sep) && fs.existsSync(file)) {
        return { contents: fs.readFileSync(file, "utf8") };
      }
    }
    return { error: `not found under the contracts folder: ${name}` };
  };
  process.stdout.write(compiler.compile(input, { import: read }));
} else {
  process.stderr.write("solc shim: only --version and --standard-json are supported\n");
  process.exitCode = 1;
}
