import { v } from "convex/values";
import { authedMutation, authedQuery } from "./functions";
import { sessionFor } from "./model/access";
import { notFound } from "./model/errors";
import { checkSize, EXTRA_BYTES } from "./model/limits";
import { replaceTodos, todoRow, todosOf } from "./model/todos";
import { todoRow as row, todoInput } from "./model/values";

const session = v.string();

/** Return a session's to-dos in order. */
export const list = authedQuery({
  args: { session },
  returns: v.array(row),
  handler: async (ctx, args) => {
    const { sessionId } = await sessionFor(ctx, args.session, "read");
    return (await todosOf(ctx.db, sessionId)).map(todoRow);
  },
});

/** Make a session's to-dos be these, in this order. */
export const replace = authedMutation({
  args: { session, todos: v.array(todoInput) },
  returns: v.null(),
  handler: async (ctx, args) => {
    const { sessionId } = await sessionFor(ctx, args.session, "write");
    await replaceTodos(ctx.db, sessionId, args.todos);
    return null;
  },
});

/** Change one to-do. */
export const patch = authedMutation({
  args: { session, key: v.string(), patch: todoInput.omit("key").partial() },
  returns: v.null(),
  handler: async (ctx, args) => {
    const { sessionId } = await sessionFor(ctx, args.session, "write");
    checkSize("A to-do", args.patch, EXTRA_BYTES, args.key);
    const todo = (await todosOf(ctx.db, sessionId)).find((each) => each.key === args.key);
    if (todo === undefined) throw notFound("to-do");
    await ctx.db.patch("todos", todo._id, args.patch);
    return null;
  },
});
