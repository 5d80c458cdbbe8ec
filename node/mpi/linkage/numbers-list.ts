/** Numbers, as many as come, eight bytes each. */
export class NumbersList {
  #numbers = new Float64Array(1_024);
  #length = 0;

  push(value: number): void {
    if (this.#length === this.#numbers.length) {
      const larger = new Float64Array(this.#length * 2);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[this.#length++] = value;
  }

  /** The numbers so far: a view, good until the next {@link push}. */
  all(): Float64Array {
    return this.#numbers.subarray(0, this.#length);
  }
}
