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

// Generic models are named Envelope_NotificationView_ in the document.
function shownName(name) {
  return name.replace(/^([A-Za-z]+)_(.+)_$/, "$1<$2>");
}

// As typeName, with a link to each schema that is named.
function typeNodes(schema) {
  if (!schema) return ["any"];
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return [element("a", { href: `#schema-${name}`, textContent: shownName(name) })];
  }
  if (schema.anyOf) return schema.anyOf.flatMap((one, index) => (index ? [" | ", ...typeNodes(one)] : typeNodes(one)));
  if (schema.type === "array") return ["list of ", ...typeNodes(schema.items)];
  return [typeName(schema)];
}

// The example that the document gives, else a value of each required field's type.
function example(given, depth = 0) {
  const schema = resolve(given);
  if (schema.examples?.length) return schema.examples[0];
  if (schema.example !== undefined) return schema.example;
  if (schema.default !== undefined && schema.default !== null) return schema.default;
  if (schema.enum) return schema.enum[0];
  const choices = schema.anyOf || schema.oneOf || schema.allOf;
  if (choices) return example(choices[0], depth);
  if (depth > 4) return null;
  if (schema.type === "object" || schema.properties) {
    const required = schema.required || [];
    const shown = Object.entries(schema.properties || {}).filter(([name]) => required.includes(name));
    return Object.fromEntries(shown.map(([name, value]) => [name, example(value, depth + 1)]));
  }
  if (schema.type === "array") return [example(schema.items, depth + 1)];
  return { integer: 1, number: 1, boolean: true, null: null }[schema.type] ?? "";
}

// What stands between backticks is code.
function words(text) {
  return (text || "").split("`").map((part, index) => (index % 2 ? element("code", { textContent: part }) : part));
}

function fieldTable(fields, inputs) {
  const rows = fields.map(({ name, where, type, required, description }) => {
    const value = inputs ? element("input", { ariaLabel: name }) : null;
    if (inputs) inputs.push({ name, where, value });
    return element("tr", {},
      element("td", {}, element("code", { textContent: name }),
        required ? element("span", { className: "required", textContent: "required" }) : null),
      element("td", {}, ...type),
      element("td", {}, ...words(description), value));
  });
  return element("table", {}, element("tbody", {}, ...rows));
}

function bodyFields(schema) {
  const { properties = {}, required = [] } = resolve(schema);
  return Object.entries(properties).map(([name, field]) => (
    { name, type: typeNodes(field), required: required.includes(name), description: field.description }));
}

function parametersPart(operation, inputs) {
  const fields = (operation.parameters || []).map((parameter) => ({
    name: parameter.name, where: parameter.in, type: [...typeNodes(parameter.schema), `, ${parameter.in}`],
    required: parameter.required, description: parameter.description }));
  return fields.length ? [element("h3", { textContent: "Parameters" }), fieldTable(fields, inputs)] : [];
}

// The body's media type: JSON if the operation takes it, else the first that it takes.
function mediaType(operation) {
  const content = operation.requestBody?.content || {};
  return content["application/json"] ? "application/json" : Object.keys(content)[0];
}

function bodyText(type, media) {
  const given = media.example ?? Object.values(media.examples || {})[0]?.value;
  if (type !== "application/json") return given ?? "";
  return JSON.stringify(given ?? example(media.schema), null, 2);
}

function bodyPart(type, media) {
  if (!type) return { parts: [], editor: null };
  const schema = media.schema;
  const editor = element("textarea", { value: bodyText(type, media), spellcheck: false, ariaLabel: "Body" });
  const kind = type === "application/json" ? typeNodes(schema) : [type];
  return { editor, parts: [element("h3", {}, "Body: ", ...kind), fieldTable(bodyFields(schema)), editor] };
}

function schemaOf(answer) {
  return answer.content?.["application/json"]?.schema;
}

function answersPart(operation) {
  const answers = Object.entries(operation.responses || {});
  const refusals = answers.filter(([, answer]) => schemaOf(answer)?.$ref?.endsWith("/ErrorEnvelope"));
  const rows = answers.filter((one) => !refusals.includes(one)).map(([status, answer]) => {
    const schema = schemaOf(answer);
    return { name: status, type: schema ? typeNodes(schema) : [], description: answer.description };
  });
  const codes = refusals.map(([status]) => status).filter((status) => status !== "default");
  if (codes.length) rows.push({ name: codes.join(" "), type: typeNodes(schemaOf(refusals[0][1])), description: "Refusals" });
  return [element("h3", { textContent: "Answers" }), fieldTable(rows)];
}

async function send(method, path, inputs, type, editor, output) {
  const missing = inputs.find(({ where, value }) => where === "path" && value.value === "");
  if (missing) {
    output.textContent = `Fill in ${missing.name} first.`;
    missing.value.focus();
    return;
  }
  const query = new URLSearchParams();
  let target = path;
  for (const { name, where, value } of inputs) {
    if (where === "path") target = target.replace(`{${name}}`, encodeURIComponent(value.value));
    else if (where === "query" && value.value !== "") query.set(name, value.value);
  }
  const headers = {};
  const key = document.getElementById("key").value;
  if (key) headers["X-API-Key"] = key;
  if (editor) headers["Content-Type"] = type;
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
  const type = mediaType(operation);
  const { parts, editor } = bodyPart(type, operation.requestBody?.content[type]);
  const output = element("pre", { hidden: true });
  const button = element("button", { type: "button", textContent: "Try it" });
  button.addEventListener("click", () => { output.hidden = false; send(method, path, inputs, type, editor, output); });
  const scopes = operation["x-required-scopes"];
  return element("details", {},
    element("summary", {},
      element("span", { className: `method ${method}`, textContent: method.toUpperCase() }),
      element("code", { textContent: path }),
      element("span", { textContent: operation.summary || "" })),
    element("div", { className: "inside" },
      operation.description ? element("p", {}, ...words(operation.description)) : null,
      scopes ? element("p", { className: "scope", textContent: `Scope: ${scopes.join(", ")}` }) : null,
      ...parametersPart(operation, inputs), ...parts, ...answersPart(operation), button, output));
}

function schemaPart(name) {
  const fields = bodyFields(schemas[name]);
  return element("details", { id: `schema-${name}` },
    element("summary", {}, element("code", { textContent: shownName(name) })),
    element("div", { className: "inside" },
      schemas[name].description ? element("p", {}, ...words(schemas[name].description)) : null,
      fields.length ? fieldTable(fields) : element("p", { textContent: typeName(schemas[name]) })));
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
  for (const section of document.querySelectorAll("section")) {
    section.hidden = !section.querySelector("details:not([hidden])");
  }
}

function titleOf(tag) {
  const title = tag.replaceAll("_", " ").replace(/^b2b/i, "B2B");
  return title[0].toUpperCase() + title.slice(1);
}

function section(title, parts) {
  const id = `group-${title.replaceAll(/\W/g, "-")}`;
  document.getElementById("groups").append(
    element("a", { href: `#${id}` }, title, element("span", { textContent: parts.length })));
  return element("section", {}, element("h2", { id, textContent: title }), ...parts);
}

// A link to a schema or an operation opens it.
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  target.hidden = false;
  const around = target.closest("section");
  if (around) around.hidden = false;
  if (target.tagName === "DETAILS") target.open = true;
  target.scrollIntoView();
}

// The service's own document, and those of the services behind it that answer.
async function fetched() {
  const more = document.body.dataset.more.split(" ").filter(Boolean);
  const [own, ...others] = await Promise.all(["/openapi.json", ...more].map(async (path) => {
    const answer = await fetch(path);
    return answer.ok ? answer.json() : {};
  }));
  const all = [own, ...others];
  schemas = Object.assign({}, ...all.map((one) => one.components?.schemas));
  return { paths: Object.assign({}, ...all.map((one) => one.paths)) };
}

async function show() {
  const main = document.getElementById("operations");
  try {
    const found = await fetched();
    const sections = [...groups(found.paths || {})].map(([tag, parts]) => section(titleOf(tag), parts));
    const names = Object.keys(schemas).sort();
    if (names.length) sections.push(section("Schemas", names.map(schemaPart)));
    main.replaceChildren(...sections);
    filter(document.getElementById("find").value);
    openTarget();
  } catch (error) {
    main.textContent = `The document cannot be shown: ${error}`;
  }
}

document.getElementById("find").addEventListener("input", (event) => filter(event.target.value));
document.getElementById("controls").addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", openTarget);
show();
