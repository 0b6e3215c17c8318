import { cronJobs } from "convex/server";
import { internal } from "./_generated/api";

const crons = cronJobs();

crons.interval("sweep leases", { minutes: 1 }, internal.sweeps.leases, {});
crons.interval("sweep presence", { minutes: 1 }, internal.sweeps.presence, {});
crons.interval("sweep tries", { hours: 1 }, internal.sweeps.tries, {});
crons.interval("sweep invites", { hours: 1 }, internal.sweeps.invites, {});
crons.interval("sweep streams", { hours: 1 }, internal.sweeps.streams, {});
crons.interval("sweep uploads", { hours: 24 }, internal.sweeps.uploads, {});
crons.interval("sweep accounts", { hours: 24 }, internal.credentials.sweep, {});

export default crons;
