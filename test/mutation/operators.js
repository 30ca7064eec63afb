/**
 * Mutation operators: ways in which code goes wrong, applied to the syntax tree of any of our sources. AssemblyScript has TypeScript's
 * syntax, so one parser reads both.
 */
import { parseAst } from "vite";

/**
 * One change of a source text.
 * @typedef {{ operator: string, start: number, end: number, replacement: string }} Change
 */

const COMPARISONS = {
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "===": "!==",
  "!==": "===",
  "==": "!=",
  "!=": "==",
};
const ARITHMETIC = {
  "+": "-",
  "-": "+",
  "*": "+",
  "/": "*",
  "%": "*",
  "<<": ">>",
  ">>": "<<",
  "&": "|",
  "|": "&",
};
const ASSIGNMENTS = { "+=": "=", "-=": "+=", "*=": "=", "/=": "*=" };
/** Functions that are mistaken for one another, by their last name. */
const CALLS = {
  add: "sub",
  sub: "add",
  mul: "add",
  div: "mul",
  max: "min",
  min: "max",
  gt: "ge",
  ge: "gt",
  lt: "le",
  le: "lt",
  eq: "ne",
  and: "or",
  or: "and",
  ceil: "floor",
  floor: "ceil",
  sqrt: "abs",
  swizzle: "bitselect",
};
const LOGICAL = { "&&": "||", "||": "&&" };
/** Their arguments may be swapped: the same bits, so no break. */
const COMMUTATIVE = new Set(["add", "mul", "min", "max", "and", "or", "xor", "eq", "ne"]);

/** All changes that the operators make of a source, in the order of the text. */
export function changesOf(source) {
  /** @type {Change[]} */
  const changes = [];
  const text = (node) => source.slice(node.start, node.end);
  const add = (operator, node, replacement) => {
    if (text(node) !== replacement) changes.push({ operator, start: node.start, end: node.end, replacement });
  };
  walk(parseAst(source, { lang: "ts" }), (node, parent) => {
    switch (node.type) {
      case "BinaryExpression": {
        const sign = operatorOf(node, source);
        if (COMPARISONS[node.operator] && !leavesToTail(node, parent)) {
          add("comparison", sign, COMPARISONS[node.operator]);
        }
        if (ARITHMETIC[node.operator]) add("arithmetic", sign, ARITHMETIC[node.operator]);
        if (node.operator === "+" || node.operator === "-") {
          add("lost term", node, `(${text(node.left)})`);
          if (node.operator === "+") add("lost term", node, `(${text(node.right)})`);
        }
        break;
      }
      case "LogicalExpression":
        if (LOGICAL[node.operator]) add("logic", operatorOf(node, source), LOGICAL[node.operator]);
        break;
      case "AssignmentExpression":
        if (ASSIGNMENTS[node.operator]) {
          add("overwrite or add", operatorOf(node, source), ASSIGNMENTS[node.operator]);
        }
        break;
      case "BlockStatement":
        // A loop behind a loop: the tail behind the vectors.
        for (const [i, statement] of node.body.entries()) {
          const follows = i > 0 && node.body[i - 1].type === "ForStatement";
          if (follows && statement.type === "ForStatement") add("tail loop", statement, ";");
        }
        break;
      case "CallExpression":
        callChanges(node, text, add);
        break;
      case "ForStatement":
        if (node.test?.type === "BinaryExpression") {
          // One too few; of a loop in larger steps one too many: a vector fewer would be left to the tail, or make no difference.
          const step = stepOf(node);
          add("bound", node.test.right, `${text(node.test.right)} ${step > 1 ? `+ ${step}` : "- 1"}`);
        }
        break;
      case "IfStatement":
        add("condition", node.test, `!(${text(node.test)})`);
        break;
      case "ConditionalExpression":
        add("condition", node, `${text(node.test)} ? ${text(node.alternate)} : ${text(node.consequent)}`);
        break;
      case "ExpressionStatement":
        if (node.expression.type === "CallExpression") add("lost statement", node, ";");
        break;
      case "Literal":
        if (typeof node.value === "number" && parent?.type !== "UnaryExpression") {
          add("constant", node, node.value === 0 ? "1" : node.value === 1 ? "2" : `(${text(node)} + 1)`);
        }
        break;
    }
  });
  return changes.sort((a, b) => a.start - b.start || a.end - b.end);
}

/** What a loop's counter grows by, where it is a number. */
function stepOf({ update }) {
  const { operator, right } = update ?? {};
  return operator === "+=" && typeof right.value === "number" ? right.value : 1;
}

/** `i + 4 <= n` in a loop of step 4: with `<` the last whole vector falls to the tail behind, which computes the same bits. */
function leavesToTail({ operator, left }, parent) {
  if (operator !== "<=" || parent?.type !== "ForStatement" || left.type !== "BinaryExpression") return false;
  return left.operator === "+" && left.right.value === stepOf(parent) && stepOf(parent) > 1;
}

/** Where the sign itself stands, between the operands and whatever brackets they have. */
function operatorOf({ left, right, operator }, source) {
  const start = source.indexOf(operator, left.end);
  return start < right.start ? { start, end: start + operator.length } : left;
}

function callChanges(node, text, add) {
  const { callee, arguments: args } = node;
  const name = callee.type === "MemberExpression" ? callee.property : callee;
  if (name.type === "Identifier" && CALLS[name.name]) add("other function", name, CALLS[name.name]);
  // f32x4.add(a, b): a term of a vector sum.
  if (callee.type === "MemberExpression" && /^(add|sub)$/.test(name.name) && args.length === 2) {
    add("lost term", node, text(args[0]));
  }
  // v128.store(to, sum): add to what should be overwritten.
  if (/^f?v?\d*\w*store$/.test(name.name ?? "") && callee.type === "MemberExpression" && args.length >= 2) {
    const from = [text(args[0]), ...args.slice(2).map(text)].join(", ");
    add("overwrite or add", args[1], `f32x4.add(v128.load(${from}), ${text(args[1])})`);
  }
  if (COMMUTATIVE.has(name.name) && args.length === 2) return;
  for (let i = 0; i + 1 < args.length; i++) {
    const [first, second] = [args[i], args[i + 1]];
    if (first.type !== "Identifier" || second.type !== "Identifier" || first.name === second.name) continue;
    add("swapped arguments", { start: first.start, end: second.end }, `${second.name}, ${first.name}`);
  }
}

/** Every node that is code: not types, not imports. */
function walk(node, visit, parent) {
  if (node.type.startsWith("TS") && !("expression" in node)) return;
  if (node.type === "ImportDeclaration" || node.type === "ExportAllDeclaration") return;
  visit(node, parent);
  for (const [key, value] of Object.entries(node)) {
    if (key === "typeAnnotation" || key === "typeArguments" || key === "returnType") continue;
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child === "object" && child !== null && typeof child.type === "string")
        walk(child, visit, node);
    }
  }
}

export function applyChange(source, { start, end, replacement }) {
  return source.slice(0, start) + replacement + source.slice(end);
}

/** `12: old line → new line` */
export function showChange(source, change) {
  const line = source.slice(0, change.start).split("\n").length;
  const oldText = source.slice(change.start, change.end).replace(/\s+/g, " ");
  const newText = change.replacement.replace(/\s+/g, " ");
  const context = source.split("\n")[line - 1].trim();
  const cut = (text) => (text.length > 90 ? `${text.slice(0, 87)}...` : text);
  return { line, change: `${cut(oldText)} → ${cut(newText)}`, context: cut(context) };
}
