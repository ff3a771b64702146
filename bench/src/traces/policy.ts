/** Which keys are held. What a policy is asked for and does not hold, it takes in, unless it knows better. */
export interface Policy {
  /** Whether it held the key. */
  request(key: number): boolean
}

/** @param requests all that it will be asked for, in order: only a clairvoyant looks */
export type PolicyOf = (capacity: number, requests: Int32Array) => Policy
