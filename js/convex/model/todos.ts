import type { Doc, Id } from "../_generated/dataModel";
import type { DatabaseReader, DatabaseWriter } from "../_generated/server";
import { refusal } from "./errors";
import { COUNTS, checkCount, checkSize, EXTRA_BYTES } from "./limits";
import type { TodoInput, TodoRow } from "./values";

export async function todosOf(db: DatabaseReader, sessionId: Id<"sessions">) {
  return await db
    .query("todos")
    .withIndex("by_session", (q) => q.eq("sessionId", sessionId))
    .take(COUNTS.todos);
}

/** Make the list be what is given; a row that stays the same is not written. */
export async function replaceTodos(
  db: DatabaseWriter,
  sessionId: Id<"sessions">,
  todos: TodoInput[],
) {
  checkTodos(todos);
  const known = new Map((await todosOf(db, sessionId)).map((row) => [row.key, row]));
  for (const [position, todo] of todos.entries()) {
    const old = known.get(todo.key);
    known.delete(todo.key);
    const row = { ...todo, sessionId, position };
    if (old === undefined) await db.insert("todos", row);
    else if (!same(todoRow(old), { ...todo, position })) await db.replace("todos", old._id, row);
  }
  for (const gone of known.values()) await db.delete("todos", gone._id);
}

function checkTodos(todos: TodoInput[]) {
  checkCount("todos", todos);
  for (const todo of todos) checkSize("A to-do", todo, EXTRA_BYTES, todo.key);
  if (new Set(todos.map((todo) => todo.key)).size < todos.length)
    throw refusal("Invalid", "Two to-dos have one key.");
}

/** Return what clients see of a to-do's row. */
export function todoRow(todo: Doc<"todos">): TodoRow {
  const { _id, _creationTime, sessionId, ...row } = todo;
  return row;
}

function same(one: TodoRow, other: TodoRow) {
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]) as Set<keyof TodoRow>;
  return [...keys].every((key) => one[key] === other[key]);
}
