"""Make a file of card transactions that looks like the well-known credit-card fraud data set.

The columns are Time, V1 to V28, Amount and Class (1 is a fraud), as in the set that the Université
Libre de Bruxelles published in 2013; at the full size so are the counts: 284 807 rows, 492 of them
frauds (0.17 %). Nothing is taken from that set. Every value is drawn here:

- Time is in seconds over two days, ascending, with quiet nights.
- V1 to V28 are centred and nearly uncorrelated, like the principal components that they stand for.
  Their standard deviations fall from about 2 to a third; their tails are heavier than the normal's.
- In a fraud some components are shifted (`FRAUD_SHIFT`), each fraud by a share of its own between
  nothing and all of it. So a few frauds cannot be told from honest transactions.
- Amount has a median near 20, a mean near 50 and a few values in the thousands; frauds are dearer.

The same rows and seed give the same bytes on every platform and with every numpy from 1.26. That is
why only uniform numbers are drawn (they are PCG64's bits, which numpy keeps, scaled; the algorithms
behind its normal and choice may change) and why only sums, products, quotients, square roots,
rounding and comparisons follow: IEEE 754 fixes their last bit, whereas exp and log differ between
mathematical libraries.

Run `python make_data.py --help` for the options, or call `write_data` from Python.
"""

import argparse
import os
import sys
import uuid
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FULL_ROWS = 284_807
FULL_FRAUDS = 492
LEAST_FRAUDS = 40  # with fewer, a test set of a fifth of the frauds says nothing
LEAST_ROWS = 400
DEFAULT_SEED = 2013
DEFAULT_OUTPUT = Path(__file__).resolve().parent / "data" / "creditcard.csv"

COMPONENTS = 28
COLUMNS = ("Time", *(f"V{number}" for number in range(1, COMPONENTS + 1)), "Amount", "Class")
ROW_FORMAT = ",".join(["%d", *["%.4f"] * COMPONENTS, "%.2f", "%d"]) + "\n"
ROWS_PER_WRITE = 8192

HOURS = 48
# How busy each hour of the day is, from midnight on; only the proportions matter.
HOURLY_TRAFFIC = (
    *(8, 4, 3, 3, 2, 3, 4, 7, 11, 16, 17, 17),
    *(16, 16, 17, 17, 17, 16, 17, 16, 17, 18, 15, 11),
)
# Where the frauds stand out, by the component's number, in its standard deviations.
FRAUD_SHIFT = {
    1: -1.0,
    2: 1.0,
    3: -2.5,
    4: 2.0,
    7: -2.0,
    9: -1.5,
    10: -3.0,
    11: 2.5,
    12: -3.5,
    14: -4.5,
    16: -3.0,
    17: -4.5,
    18: -1.5,
}
AMOUNT_SCALE = 50.0
FRAUD_AMOUNT_FACTOR = 2.0
LARGEST_AMOUNT = 30_000.0


def fraud_count(rows: int) -> int:
    """Frauds among so many rows: in proportion to the full size, and never below `LEAST_FRAUDS`."""
    return max(LEAST_FRAUDS, (rows * FULL_FRAUDS + FULL_ROWS // 2) // FULL_ROWS)


def make_data(rows: int = FULL_ROWS, seed: int = DEFAULT_SEED) -> Floats:
    """Draw the table, as an array of shape (rows, 31) whose columns are those in `COLUMNS`.

    Raises ValueError for fewer rows than `LEAST_ROWS` and for a negative seed.
    """
    if rows < LEAST_ROWS:
        raise ValueError(f"rows must be at least {LEAST_ROWS}, not {rows}")
    if seed < 0:
        raise ValueError(f"seed must not be negative, not {seed}")
    # The draws below follow one another in a single stream: their order is part of the result.
    rng = np.random.Generator(np.random.PCG64(seed))
    table = np.empty((rows, len(COLUMNS)))

    is_fraud = np.zeros(rows, dtype=bool)
    is_fraud[np.argsort(rng.random(rows), kind="stable")[: fraud_count(rows)]] = True
    share = np.where(is_fraud, np.sqrt(rng.random(rows)), 0.0)
    spread = 1.0 / np.sqrt(_sum_of_uniforms(rng, rows, 4) / 2.0)

    table[:, 0] = _times(rng, rows)
    for number in range(1, COMPONENTS + 1):
        deviation = 2.0 - (number - 1) / 16
        # Twelve uniforms have a variance of one and, summed, the bell shape.
        bell = _sum_of_uniforms(rng, rows, 12) - 6.0
        value = bell * spread + share * FRAUD_SHIFT.get(number, 0.0)
        # Adding zero turns the negative zeros that rounding leaves into positive ones.
        table[:, number] = np.round(value * deviation, 4) + 0.0
    table[:, -2] = _amounts(rng, is_fraud)
    table[:, -1] = is_fraud
    return table


def write_data(
    output: str | os.PathLike[str] = DEFAULT_OUTPUT,
    rows: int = FULL_ROWS,
    seed: int = DEFAULT_SEED,
) -> Path:
    """Write the table as CSV and return its path; whoever looks sees a whole file or none."""
    path = Path(output)
    table = make_data(rows, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with unfinished.open("x", encoding="ascii", newline="\n") as file:
            file.write(",".join(COLUMNS) + "\n")
            for start in range(0, rows, ROWS_PER_WRITE):
                block = table[start : start + ROWS_PER_WRITE].tolist()
                file.writelines(map(ROW_FORMAT.__mod__, map(tuple, block)))
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _sum_of_uniforms(rng: np.random.Generator, rows: int, count: int) -> Floats:
    """Sum so many uniform numbers for each row, one after another so that rounding is the same."""
    total = rng.random(rows)
    for _ in range(count - 1):
        total += rng.random(rows)
    return total


def _times(rng: np.random.Generator, rows: int) -> Floats:
    """Whole seconds since the first midnight, ascending, denser in the busy hours."""
    traffic = np.cumsum(np.tile(HOURLY_TRAFFIC, HOURS // 24))
    hour = np.searchsorted(traffic, rng.random(rows) * traffic[-1], side="right")
    return np.sort(hour * 3600.0 + np.floor(rng.random(rows) * 3600.0))


def _amounts(rng: np.random.Generator, is_fraud: npt.NDArray[np.bool_]) -> Floats:
    """Amounts with cents from a Lomax distribution of shape 2, whose inverse is a square root."""
    chance = 1.0 - rng.random(len(is_fraud))  # above 0, at most 1
    scale = np.where(is_fraud, AMOUNT_SCALE * FRAUD_AMOUNT_FACTOR, AMOUNT_SCALE)
    amounts = np.minimum(scale * (1.0 / np.sqrt(chance) - 1.0), LARGEST_AMOUNT)
    return np.round(amounts, 2)


def main(arguments: list[str] | None = None) -> int:
    """Write the file that the command line asks for and say what was written."""
    parser = argparse.ArgumentParser(
        description="Make a CSV file that looks like the well-known credit-card fraud data set.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--rows", type=int, default=FULL_ROWS, help=f"transactions, at least {LEAST_ROWS}"
    )
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="seed of the draws")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="file to write")
    options = parser.parse_args(arguments)
    try:
        path = write_data(options.output, options.rows, options.seed)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    megabytes = path.stat().st_size / 1e6
    print(
        f"{path}: {options.rows} transactions, {fraud_count(options.rows)} of them frauds, "
        f"{megabytes:.1f} MB"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
