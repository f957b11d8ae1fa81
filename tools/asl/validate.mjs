// Run both ASL validators over one definition and print what they find, one JSON array on stdout.
//
//     node validate.mjs FILE
//
// Each finding is {"validator", "message"}. Exit code 0 whether or not there are findings, so that a crash
// of the validators themselves can never pass for a valid file, nor for an invalid one.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const validate = require("asl-validator");
const { getLanguageService, TextDocument } = require("amazon-states-language-service");

const file = process.argv[2];
const text = readFileSync(file, "utf8");

// asl-validator writes defaults into the definition that it is given, so it gets a copy of its own.
const structural = validate(JSON.parse(text)).errors.map((error) => ({
  validator: "asl-validator",
  message: `${error["Error code"]}: ${error.Message}${error.path ? ` (${error.path})` : ""}`,
}));

const service = getLanguageService({});
const document = TextDocument.create(`file://${file}`, "json", 1, text);
const diagnostics = await service.doValidation(document, service.parseJSONDocument(document));
const editorial = diagnostics.map(({ message, range }) => ({
  validator: "amazon-states-language-service",
  message: `line ${range.start.line + 1}: ${message}`,
}));

console.log(JSON.stringify([...structural, ...editorial]));
