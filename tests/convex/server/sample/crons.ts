import { cronJobs } from "convex/server";
import { addLater } from "./builders";

const crons = cronJobs();
crons.daily("add an item", { hourUTC: 3, minuteUTC: 0 }, addLater, {
  owner: "cron",
  list: "cron",
  clientId: "cron",
  value: 1,
});
export default crons;
