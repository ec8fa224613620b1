"""tables -- one contract and one transform per table, side by side under the name of the table."""
