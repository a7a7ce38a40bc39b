// Shows /openapi.json. Everything is put in as text, never as markup.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];
let schemas = {};

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function resolve(schema) {
  const name = schema && schema.$ref && schema.$ref.split("/").pop();
  return name ? schemas[name] || {} : schema || {};
}

function typeName(schema) {
  if (!schema) return "any";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.anyOf) return schema.anyOf.map(typeName).join(" | ");
  if (schema.type === "array") return `list of ${typeName(schema.items)}`;
  return [schema.type || "any", schema.format && `(${schema.format})`].filter(Boolean).join(" ");
}

function example(given, depth = 0) {
  const schema = resolve(given);
  if (schema.default !== undefined && schema.default !== null) return schema.default;
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf) return example(schema.anyOf[0], depth);
  if (depth > 4) return null;
  if (schema.type === "object" || schema.properties) {
    const required = schema.required || [];
    const shown = Object.entries(schema.properties || {}).filter(([name]) => required.includes(name));
    return Object.fromEntries(shown.map(([name, value]) => [name, example(value, depth + 1)]));
  }
  if (schema.type === "array") return [example(schema.items, depth + 1)];
  return { integer: 1, number: 1, boolean: true, null: null }[schema.type] ?? "";
}

function fieldTable(fields, inputs) {
  const rows = fields.map(({ name, where, type, required, description }) => {
    const value = inputs ? element("input", { ariaLabel: name }) : null;
    if (inputs) inputs.push({ name, where, value });
    return element("tr", {},
      element("td", {}, element("code", { textContent: name }), required ? " *" : ""),
      element("td", { textContent: type }),
      element("td", {}, description || "", value));
  });
  return element("table", {}, element("tbody", {}, ...rows));
}

function bodyFields(schema) {
  const { properties = {}, required = [] } = resolve(schema);
  return Object.entries(properties).map(([name, field]) => (
    { name, type: typeName(field), required: required.includes(name), description: field.description }));
}

function parametersPart(operation, inputs) {
  const fields = (operation.parameters || []).map((parameter) => ({
    name: parameter.name, where: parameter.in, type: `${typeName(parameter.schema)}, ${parameter.in}`,
    required: parameter.required, description: parameter.description }));
  return fields.length ? [element("h3", { textContent: "Parameters" }), fieldTable(fields, inputs)] : [];
}

function bodyPart(schema) {
  if (!schema) return { parts: [], editor: null };
  const editor = element("textarea", { value: JSON.stringify(example(schema), null, 2), spellcheck: false, ariaLabel: "Body" });
  return { editor, parts: [element("h3", { textContent: `Body: ${typeName(schema)}` }), fieldTable(bodyFields(schema)), editor] };
}

function answersPart(operation) {
  const rows = Object.entries(operation.responses || {}).map(([status, answer]) => {
    const content = answer.content && answer.content["application/json"];
    return { name: status, type: content ? typeName(content.schema) : "", description: answer.description };
  });
  return [element("h3", { textContent: "Answers" }), fieldTable(rows)];
}

async function send(method, path, inputs, editor, output) {
  const query = new URLSearchParams();
  let target = path;
  for (const { name, where, value } of inputs) {
    if (where === "path") target = target.replace(`{${name}}`, encodeURIComponent(value.value));
    else if (where === "query" && value.value !== "") query.set(name, value.value);
  }
  const headers = {};
  const key = document.getElementById("key").value;
  if (key) headers["X-API-Key"] = key;
  if (editor) headers["Content-Type"] = "application/json";
  const search = query.toString();
  try {
    const answer = await fetch(search ? `${target}?${search}` : target,
      { method: method.toUpperCase(), headers, body: editor ? editor.value : undefined });
    const text = await answer.text();
    output.textContent = `${answer.status}\n${pretty(text)}`;
  } catch (error) {
    output.textContent = String(error);
  }
}

function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}

function operationPart(path, method, operation) {
  const inputs = [];
  const content = operation.requestBody && operation.requestBody.content["application/json"];
  const { parts, editor } = bodyPart(content && content.schema);
  const output = element("pre", { hidden: true });
  const button = element("button", { type: "button", textContent: "Try it" });
  button.addEventListener("click", () => { output.hidden = false; send(method, path, inputs, editor, output); });
  const scopes = operation["x-required-scopes"];
  return element("details", {},
    element("summary", {},
      element("span", { className: `method ${method}`, textContent: method.toUpperCase() }),
      element("code", { textContent: path }),
      element("span", { textContent: operation.summary || "" })),
    element("div", { className: "inside" },
      operation.description ? element("p", { textContent: operation.description }) : null,
      scopes ? element("p", { className: "scope", textContent: `Scope: ${scopes.join(", ")}` }) : null,
      ...parametersPart(operation, inputs), ...parts, ...answersPart(operation), button, output));
}

function groups(paths) {
  const found = new Map();
  for (const [path, item] of Object.entries(paths)) {
    for (const method of METHODS.filter((name) => item[name])) {
      const words = path.split("/").filter((word) => word && !/^(api|v\d+|internal)$/.test(word));
      const tag = (item[method].tags || [words[0] || "other"])[0];
      if (!found.has(tag)) found.set(tag, []);
      found.get(tag).push(operationPart(path, method, item[method]));
    }
  }
  return found;
}

function filter(words) {
  for (const part of document.querySelectorAll("details")) {
    part.hidden = !part.querySelector("summary").textContent.toLowerCase().includes(words.toLowerCase());
  }
}

async function show() {
  const main = document.getElementById("operations");
  try {
    const document_ = await (await fetch("/openapi.json")).json();
    schemas = (document_.components || {}).schemas || {};
    const sections = [...groups(document_.paths || {})].map(([tag, parts]) => (
      element("section", {}, element("h2", { textContent: tag.replaceAll("_", " ") }), ...parts)));
    main.replaceChildren(...sections);
  } catch (error) {
    main.textContent = `The document cannot be shown: ${error}`;
  }
}

document.getElementById("find").addEventListener("input", (event) => filter(event.target.value));
show();
