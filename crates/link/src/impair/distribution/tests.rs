use super::*;

fn moments(table: &[i16]) -> (f64, f64) {
    let count = table.len() as f64;
    let mean = table.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
    let square = |value: &i16| (f64::from(*value) - mean) * (f64::from(*value) - mean);
    let variance = table.iter().map(square).sum::<f64>() / count;
    (mean / SCALE, variance / (SCALE * SCALE))
}

#[test]
fn the_normal_table_has_the_known_quantiles() {
    let table = Distribution::Normal.table().unwrap();
    assert!(table.is_sorted());
    // Phi^-1 of 1/2, 3/4, 1/4, 1/16.
    for (at, deviations) in [
        (2048, 0.0),
        (3072, 0.674_490),
        (1024, -0.674_490),
        (256, -1.534_121),
    ] {
        let found = f64::from(table[at]) / SCALE;
        assert!((found - deviations).abs() < 1e-4, "{at}: {found}");
    }
    let (mean, variance) = moments(table);
    assert!(
        mean.abs() < 0.01 && (variance - 1.0).abs() < 0.01,
        "{mean} {variance}"
    );
}

#[test]
fn the_pareto_table_has_the_known_quantiles() {
    let table = Distribution::Pareto.table().unwrap();
    assert!(table.is_sorted());
    // (1 - u)^(-1/3): 1 at 0, 2^(1/3) at 1/2, 2 at 7/8.
    for (at, value) in [(0, 1.0), (2048, 1.259_921), (3584, 2.0)] {
        let found = f64::from(table[at]) / SCALE * 0.75 + 1.5;
        assert!((found - value).abs() < 1e-3, "{at}: {found}");
    }
    let (mean, _) = moments(table);
    assert!(mean.abs() < 0.05, "{mean}");
}

#[test]
fn a_delay_never_goes_below_zero_or_beyond_the_tables() {
    let ms = Duration::from_millis;
    for distribution in [
        Distribution::Uniform,
        Distribution::Normal,
        Distribution::Pareto,
        Distribution::ParetoNormal,
    ] {
        assert_eq!(distribution.place(ms(1), ms(100), 0), Duration::ZERO);
        let longest = distribution.place(ms(100), ms(100), u32::MAX);
        assert!(longest <= ms(500) && longest > ms(190), "{longest:?}");
        let huge = distribution.place(Duration::MAX / 2, Duration::MAX / 8, u32::MAX);
        assert!(huge >= Duration::MAX / 2 || distribution == Distribution::Uniform);
    }
}
