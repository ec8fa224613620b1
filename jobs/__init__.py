"""Sunledger's jobs: plan, stage, check and publish a table of the star schema, exactly once."""
