"""Whether a power channel is stored in its unit: the audited systems of PVDAQ, and what must not fool the judgement."""

import pytest

from jobs import scale

YEAR = 365


def entry(units="W", calc_scale=1.0, calc_offset=0.0):
    return {"units": units, "calc_scale": calc_scale, "calc_offset": calc_offset}


def decided(peak, capacity=100.0, span_days=YEAR, channels=1, **of_entry):
    return scale.decide(entry(**of_entry), capacity, peak, span_days=span_days, channels=channels)


# An audit of NREL PVDAQ's stored values by third parties: system, metric, units, calc_scale, greatest stored value;
# nameplates [kW] of PVDAQ's catalogue of 2025-07-29.
AUDIT = [
    (1239, 3018, "W/m^2", 1.0, 1315.878, 20.16, 1.0),
    (1239, 3015, "W", 1000.0, 23_620.0, 20.16, 1.0),
    (1239, 3016, "C", 0.5555556, 37.985004438800004, 20.16, 1.0),
    (1239, 3020, "m/s", 0.44704, 0.078232, 20.16, 1.0),
    (1283, 1040, "W", 1000.0, 498_700.0, 408.24, 1.0),
    (1283, 1134, "W", 1.0, 0.0, 408.24, 1.0),
    (34, 2695, "W", 100.0, 115_800.0, 146.64, 1.0),
    (34, 2688, "C", 0.5555556, 47.800560779600005, 146.64, 1.0),
    (34, 2691, "m/s", 0.44704, 4.84189024, 146.64, 1.0),
    (1430, 5074, "W", 2000.0, 333.6, 720.72, 2000.0),
    (1430, 5077, "W", 1.0, 692_550.0, 720.72, 1.0),
    (1433, 5069, "W", 1000.0, 360.0, 449.28, 1000.0),
]


@pytest.mark.parametrize(("ss_id", "metric_id", "units", "calc_scale", "peak", "capacity", "factor"), AUDIT)
def test_the_audited_channels_are_scaled_where_the_audit_says(
    ss_id, metric_id, units, calc_scale, peak, capacity, factor
):
    assert decided(peak, capacity, units=units, calc_scale=calc_scale).factor == factor


@pytest.mark.parametrize(
    ("found", "factor", "reason"),
    [
        (decided(115_800.0, 146.64, calc_scale=100.0), 1.0, "stored in units: peak 115.8 kW of 146.6 kW"),
        (
            decided(333.6, 720.72, calc_scale=2000.0),
            2000.0,
            "calc_scale 2000 applied: peak would else be 0.046 % of nameplate and is 93 %",
        ),
        (decided(115_800.0, None, calc_scale=100.0), 1.0, "undecided: no capacity"),
        (decided(115_800.0, 0.0, calc_scale=100.0), 1.0, "undecided: no capacity"),
        (decided(0.0), 1.0, "undecided: no power in the probe"),
        (decided(-300.0), 1.0, "undecided: no power in the probe"),
        (decided(float("nan")), 1.0, "undecided: no power in the probe"),
        (decided(None), 1.0, "undecided: no power in the probe"),
        (decided(900.0, units="C"), 1.0, "stored in units: only power can be held against a nameplate"),
        (decided(900.0, units="kWh"), 1.0, "stored in units: only power can be held against a nameplate"),
        (decided(900.0, units=None), 1.0, "stored in units: only power can be held against a nameplate"),
        (
            decided(400_000.0),
            1.0,
            "implausible: peak 400 kW of 100 kW; left as it is, for no unit is wrong by so little",
        ),
        (
            decided(9e7),
            None,
            "implausible: peak 9e+04 kW of 100 kW, 90,000 % of nameplate, and calc_scale 1 does not help",
        ),
    ],
)
def test_a_decision_is_told_in_words(found, factor, reason):
    assert found == scale.Scale(factor, reason)


def test_the_units_of_the_dictionary_count_not_those_of_the_raw_signal():
    # A residential system: raw W, stored in kW, calc_scale 0.001.
    assert decided(4.881, 5.88, units="kW", calc_scale=0.001).factor == 1.0
    # The same, had it been left in W.
    assert decided(4_881.0, 5.88, units="kW", calc_scale=0.001).factor == 0.001


@pytest.mark.parametrize("peak", [900.0, 1_400.0])
def test_a_dark_probe_triggers_no_scale(peak):
    # 0.9 and 1.4 per cent of nameplate under snow; times 100 it would be a fine plant.
    assert decided(peak, calc_scale=100.0, span_days=31).factor == 1.0
    assert decided(peak, calc_scale=100.0, span_days=179).factor == 1.0


def test_a_low_peak_that_sun_could_excuse_is_never_scaled():
    assert decided(1_000.0, calc_scale=100.0, span_days=20 * YEAR).factor == 1.0
    assert decided(999.0, calc_scale=100.0, span_days=20 * YEAR).factor == 100.0


@pytest.mark.parametrize(("peak", "calc_scale"), [(50.0, 1.0), (50.0, 100.0), (500.0, 1000.0), (1.0, 1000.0)])
def test_a_dead_channel_is_scaled_only_to_a_working_plant(peak, calc_scale):
    assert decided(peak, calc_scale=calc_scale).factor == 1.0


def test_one_string_of_many_is_small_and_not_unscaled():
    # 150 W of 100 kW, and a thousand strings share it.
    string = decided(150.0, calc_scale=1000.0, channels=1000)
    assert string == scale.Scale(1.0, "stored in units: peak 0.15 kW of 100 kW")
    assert decided(150.0, calc_scale=1000.0).factor == 1000.0
    # Of 24 inverters one may have 200 W in half a dark year, which is 5 per cent of its share.
    assert decided(200.0, calc_scale=100.0, channels=24).factor == 1.0
    assert decided(200.0, calc_scale=100.0).factor == 100.0


def test_a_scale_with_an_offset_is_never_applied():
    assert decided(333.6, 720.72, calc_scale=2000.0, calc_offset=4.0).factor == 1.0


@pytest.mark.parametrize("calc_scale", [None, 0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_none_changes_nothing(calc_scale):
    assert decided(333.6, 720.72, calc_scale=calc_scale).factor == 1.0


# NREL PVDAQ system 1332, metered_ac_power (metric 2638), as third parties measured it: the greatest value on the 15th
# of each month. The dictionary says W with calc_scale 1000 throughout; nameplate 1153.488 kW.
PEAKS_1332 = {
    **{f"2017-{month:02d}": peak for month, peak in enumerate((245, 783, 1051, 976, 978, 990, 1068, 1084, 949), 1)},
    **{f"2018-{month:02d}": peak for month, peak in enumerate((73, 1008, 1107, 1023, 1137, 1008, 467), 1)},
    "2018-08": 934_400,
    "2018-09": 839_200,
}
NAMEPLATE_1332 = 1153.488


def spans(peaks, capacity=NAMEPLATE_1332, channels=1, **of_entry):
    found = scale.changes(entry(**of_entry), capacity, peaks, channels=channels)
    return [(span.first_month, span.last_month, span.scale.factor) for span in found]


def months(*peaks, year=2018):
    return {f"{year + index // 12}-{index % 12 + 1:02d}": peak for index, peak in enumerate(peaks)}


def test_the_change_of_unit_of_system_1332_is_found():
    found = scale.changes(entry(calc_scale=1000.0), NAMEPLATE_1332, PEAKS_1332)

    assert found == [
        scale.Span(
            "2017-01",
            "2018-07",
            scale.Scale(
                1000.0, "the unit changes inside the record: peak would else be 0.099 % of nameplate and is 99 %"
            ),
        ),
        scale.Span("2018-08", "2018-09", scale.Scale(1.0, "stored in units: peak 934.4 kW of 1153 kW")),
    ]


def test_the_same_change_is_found_whatever_the_dictionary_says():
    assert spans(PEAKS_1332, calc_scale=1.0) == [("2017-01", "2018-07", 1000.0), ("2018-08", "2018-09", 1.0)]
    assert spans(PEAKS_1332, units="kW") == [("2017-01", "2018-07", 1.0), ("2018-08", "2018-09", 0.001)]


def test_months_may_come_in_any_order():
    assert spans(dict(reversed(PEAKS_1332.items())), calc_scale=1000.0)[0] == ("2017-01", "2018-07", 1000.0)


def test_a_record_in_one_unit_has_one_span_however_dark_some_months_are():
    dark = months(80e3, 75e3, 900, 40, 0, None, 70e3, 12e3, 60)

    assert spans(dark, capacity=100.0, calc_scale=1000.0) == [("2018-01", "2018-09", 1.0)]


def test_a_winter_of_standby_power_is_no_change_of_unit():
    # 90 W of 100 kW for five months looks like 90 kW in kW; half a year of it would be believed.
    standby = [80e3] * 6 + [90] * 5 + [80e3] * 6

    assert spans(months(*standby), capacity=100.0, calc_scale=1000.0) == [("2018-01", "2019-05", 1.0)]


def test_low_months_that_would_be_another_plant_are_no_change_of_unit():
    # A dead inverter's 20 W for two years, times 1000, is a quarter of what the plant gave before.
    dead = [80e3] * 12 + [20] * 24

    assert spans(months(*dead), capacity=100.0, calc_scale=1000.0) == [("2018-01", "2020-12", 1.0)]


def test_low_months_that_sun_could_excuse_are_no_change_of_unit():
    overcast = [80e3] * 6 + [5e3] * 12

    assert spans(months(*overcast), capacity=100.0, calc_scale=10.0) == [("2018-01", "2019-06", 1.0)]


def test_a_single_month_far_above_the_nameplate_is_another_unit():
    assert spans(months(80, 85, 82_000, 79), capacity=100.0, units="kW") == [
        ("2018-01", "2018-02", 1.0),
        ("2018-03", "2018-03", 0.001),
        ("2018-04", "2018-04", 1.0),
    ]


def test_a_whole_record_is_unscaled_only_by_the_dictionarys_own_scale():
    assert spans(months(*[320] * 12), capacity=720.72, calc_scale=2000.0) == [("2018-01", "2018-12", 2000.0)]
    assert spans(months(*[320] * 12), capacity=720.72) == [("2018-01", "2018-12", 1.0)]
    assert spans(months(*[320] * 5), capacity=720.72, calc_scale=2000.0) == [("2018-01", "2018-05", 1.0)]


@pytest.mark.parametrize("glitch", [9e12, float("inf"), float("nan"), None, -7999.0])
def test_a_month_that_fits_no_unit_takes_nothing_from_the_others(glitch):
    assert spans(months(80e3, glitch, 85e3), capacity=100.0) == [("2018-01", "2018-03", 1.0)]
    assert spans(months(glitch, 80e3), capacity=100.0) == [("2018-01", "2018-02", 1.0)]


@pytest.mark.parametrize("glitch", [float("inf"), float("nan"), None, -7999.0])
def test_a_month_without_a_peak_takes_nothing_from_an_unscaled_record(glitch):
    unscaled = months(glitch, *[320] * 11)

    assert spans(unscaled, capacity=720.72, calc_scale=2000.0) == [("2018-01", "2018-12", 2000.0)]


def test_a_record_without_capacity_or_months_is_not_cut():
    assert spans(PEAKS_1332, capacity=None, calc_scale=1000.0) == [("2017-01", "2018-09", 1.0)]
    assert spans({}) == []


def test_the_temperature_of_a_plant_has_no_nameplate():
    assert spans(months(20, 30, 9e6), units="C") == [("2018-01", "2018-03", 1.0)]
