import { now } from "./clock";

/** A lease. */
export interface Lease {
  owner: string;
  until: number;
}

/** All leases. */
export class Leases {
  private map = new Map<string, Lease>();

  /** Takes one, if it is free or its time is over. */
  take(name: string, owner: string): boolean {
    const held = this.map.get(name);
    if (held && held.until > now()) {
      return false;
    }
    this.map.set(name, { owner, until: now() + 30_000 });
    return true;
  }

  /** Gives it back, and says whose it was. */
  free(name: string): string | undefined {
    const held = this.map.get(name);
    this.map.delete(name);
    return held?.owner;
  }

  get count(): number {
    return this.map.size;
  }
}

export const one = (name: string) => {
  const leases = new Leases();
  return leases.take(name, "me");
};
