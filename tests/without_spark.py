"""without_spark -- stages in this process, where what is at stake is not Spark."""

from dataclasses import replace


def staged_in_this_process(spark, planned, attempt):
    """Stage the groups of a plan one after the other, as Spark's tasks would."""
    from jobs import plan, stage

    for number in range(planned.group_count):
        plan.write(replace(planned, objects=planned.group(number)), f"{attempt}/groups/{number:05d}.plan.json")
    return [stage.stage_group(attempt, number) for number in range(planned.group_count)]
