// The system calls whose answers name an address, which convex-test makes up.
import type { Deployment } from "./deployment.ts";
import type { PublicApi } from "./http.ts";

interface Syscalls {
  readonly syscall: unknown;
  readonly asyncSyscall: (op: string, args: string) => Promise<string>;
  readonly jsSyscall: unknown;
}

/** Answer with addresses of this server. */
export function installAddresses(deployment: Deployment, api: PublicApi): void {
  const holder = globalThis as unknown as { Convex: Syscalls };
  const inner = holder.Convex;
  const answer = async (op: string, args: string): Promise<string> => {
    if (op === "1.0/storageGenerateUploadUrl") return JSON.stringify(api.uploadUrl());
    const given = await inner.asyncSyscall(op, args);
    if (op !== "1.0/storageGetUrl" || given === "null") return given;
    const { storageId } = JSON.parse(args) as { storageId: string };
    return JSON.stringify(deployment.file(storageId) === null ? null : api.fileUrl(storageId));
  };
  holder.Convex = {
    get syscall() {
      return inner.syscall;
    },
    get asyncSyscall() {
      return answer;
    },
    get jsSyscall() {
      return inner.jsSyscall;
    },
  };
}
