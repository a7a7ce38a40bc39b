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

// What is between backticks is code, and between double asterisks strong.
function words(text) {
  return (text || "").split("`").flatMap((part, index) => (index % 2 ? [element("code", { textContent: part })]
    : part.split("**").map((piece, place) => (place % 2 ? element("strong", { textContent: piece }) : piece))));
}

function paragraphs(text) {
  return (text || "").split(/\n\s*\n/).filter((part) => part.trim()).map((part) => element("p", {}, ...words(part)));
}

function fieldTable(fields, inputs) {
  const rows = fields.map(({ name, where, type, required, description, example: given }) => {
    const value = inputs ? element("input", { ariaLabel: name }) : null;
    if (inputs) inputs.push({ name, where, value });
    return element("tr", {},
      element("td", {}, element("code", { textContent: name }),
        required ? element("span", { className: "required", textContent: "required" }) : null),
      element("td", {}, ...type),
      element("td", {}, ...words(description), given === undefined ? null : element("code", { className: "given", textContent: JSON.stringify(given) }), value));
  });
  return element("table", {}, element("tbody", {}, ...rows));
}

function bodyFields(schema) {
  const { properties = {}, required = [] } = resolve(schema);
  return Object.entries(properties).map(([name, field]) => (
    { name, type: typeNodes(field), required: required.includes(name), description: field.description, example: field.examples?.[0] }));
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
  const rules = paragraphs(resolve(schema).description);
  return { editor, parts: [element("h3", {}, "Body: ", ...kind), ...rules, fieldTable(bodyFields(schema)), editor] };
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

// The request that the inputs say, or the name of a part of the path that is missing.
function request(method, path, inputs, type, editor) {
  const missing = inputs.find(({ where, value }) => where === "path" && value.value === "");
  if (missing) return { missing };
  const query = new URLSearchParams();
  const headers = {};
  let target = path;
  for (const { name, where, value } of inputs) {
    if (where === "path") target = target.replace(`{${name}}`, encodeURIComponent(value.value));
    else if (where === "query" && value.value !== "") query.set(name, value.value);
    else if (where === "header" && value.value !== "") headers[name] = value.value;
  }
  const key = document.getElementById("key").value;
  if (key) headers["X-API-Key"] = key;
  if (editor) headers["Content-Type"] = type;
  const search = query.toString();
  return { target: search ? `${target}?${search}` : target, method: method.toUpperCase(), headers, body: editor?.value };
}

async function send(asked, output) {
  if (asked.missing) {
    output.textContent = `Fill in ${asked.missing.name} first.`;
    asked.missing.value.focus();
    return;
  }
  try {
    const { target, method, headers, body } = asked;
    const answer = await fetch(target, { method, headers, body });
    output.textContent = `${answer.status}\n${pretty(await answer.text())}`;
  } catch (error) {
    output.textContent = String(error);
  }
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// The key itself is left out: what is copied is often shared.
function curl(asked) {
  if (asked.missing) return `Fill in ${asked.missing.name} first.`;
  const lines = [`curl -X ${asked.method} ${quoted(location.origin + asked.target)}`];
  for (const [name, value] of Object.entries(asked.headers)) {
    lines.push(name === "X-API-Key" ? '-H "X-API-Key: $KEY"' : `-H ${quoted(`${name}: ${value}`)}`);
  }
  if (asked.body !== undefined) lines.push(`--data-binary ${quoted(asked.body)}`);
  return lines.join(" \\\n  ");
}

function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}

// A part is filled when it is opened first: a page with all of them at once takes seconds to make.
function part(id, heading, found, fill) {
  const made = element("details", { id }, element("summary", {}, ...heading));
  made.dataset.found = found.filter(Boolean).join(" ").toLowerCase();
  made.addEventListener("toggle", () => {
    if (made.open && made.childElementCount === 1) made.append(element("div", { className: "inside" }, ...fill()));
  });
  return made;
}

function operationPart(path, method, operation) {
  const heading = [
    element("span", { className: `method ${method}`, textContent: method.toUpperCase() }),
    element("code", { textContent: path }),
    element("span", {}, ...words(operation.summary))];
  const found = [method, path, operation.summary, operation.operationId];
  return part(operation.operationId || "", heading, found, () => operationInside(path, method, operation));
}

function operationInside(path, method, operation) {
  const inputs = [];
  const type = mediaType(operation);
  const { parts, editor } = bodyPart(type, operation.requestBody?.content[type]);
  const output = element("pre", { hidden: true, tabIndex: 0 });
  const show = (fill) => () => { output.hidden = false; fill(request(method, path, inputs, type, editor)); };
  const attempt = element("button", { type: "button", className: "primary", textContent: "Try it" });
  attempt.addEventListener("click", show((asked) => send(asked, output)));
  const command = element("button", { type: "button", textContent: "Show curl" });
  command.addEventListener("click", show((asked) => { output.textContent = curl(asked); }));
  const scopes = operation["x-required-scopes"];
  return [...paragraphs(operation.description),
    ...(scopes ? [element("p", { className: "scope", textContent: `Scope: ${scopes.join(", ")}` })] : []),
    ...parametersPart(operation, inputs), ...parts, ...answersPart(operation),
    element("p", { className: "acts" }, attempt, " ", command), output];
}

function schemaPart(name) {
  const schema = schemas[name];
  return part(`schema-${name}`, [element("code", { textContent: shownName(name) })], [shownName(name), name], () => {
    const fields = bodyFields(schema);
    return [...paragraphs(schema.description),
      fields.length ? fieldTable(fields) : element("p", { textContent: typeName(schema) })];
  });
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
  for (const one of document.querySelectorAll("details")) one.hidden = !one.dataset.found.includes(words.toLowerCase());
  for (const section of document.querySelectorAll("section")) {
    const left = section.querySelectorAll("details:not([hidden])").length;
    section.hidden = left === 0;
    document.querySelector(`nav a[href="#${section.querySelector("h2").id}"] span`).textContent = left;
  }
  document.getElementById("none").hidden = document.querySelector("section:not([hidden])") !== null;
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

async function show() {
  const main = document.getElementById("operations");
  try {
    const answer = await fetch("/openapi.json");
    if (!answer.ok) throw new Error(String(answer.status));
    const found = await answer.json();
    schemas = found.components?.schemas || {};
    document.getElementById("introduction").replaceChildren(...paragraphs(found.info?.description));
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
const key = document.getElementById("key");
key.value = sessionStorage.getItem("key") ?? "";
key.addEventListener("change", () => sessionStorage.setItem("key", key.value));
document.getElementById("controls").addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", openTarget);
show();
