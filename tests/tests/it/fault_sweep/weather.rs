//! Bad weather: whole lives of an environment (apply, change, destroy) while calls fail, are lost, delayed and throttled
//! by chance, or while reads lag behind creates. `make weather` runs many lives; a plain test run has two.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use provisioner_tests::faults::Faults;

use super::{
    Place, Sweep, Verified,
    account::{self, Account},
    failed, run, say, seed, setting, write_program,
};

/// 20 % of the calls are throttled, and 5 % have another fault.
const STORM: &str = "*%0.7=cut *%0.7=withhold *%0.7=500 *%0.7=503 *%0.7=500-after *%0.7=503-after \
                     changes%0.7=refuse:ConcurrentModificationException *%0.05=hang *%0.05=hang-after *%20=throttle *%5=delay:500";
/// The same without calls that are never answered, which take the SDK up to a minute each.
const RAIN: &str = "*%0.7=cut *%0.7=withhold *%0.7=500 *%0.7=503 *%0.7=500-after *%0.7=503-after \
                    changes%0.8=refuse:ConcurrentModificationException *%20=throttle *%5=delay:500";
/// Reads that are up to 3 s old, and do not show what was created within 3 s.
const OLD_READS: &str = "reads%50=stale:3000 reads=lag:3000";
/// Maximum duration of one command.
const LIMIT: Duration = Duration::from_mins(15);
/// Maximum number of times that the user repeats a command which has failed.
const REPEATS: usize = 3;
/// Maximum number of calls, relative to an undisturbed life.
const MAX_CALLS: usize = 3;

/// The costs of one life.
struct Life {
    calls: usize,
    /// Commands that failed and were repeated, with the end of their output.
    repeated: Vec<String>,
}

impl Sweep {
    /// Runs the life of an environment, and checks the account.
    fn live(&self, rules: &str, seed: u64) -> Result<Life, String> {
        let mut sandbox = self.empty.lock().unwrap().copy();
        // As against AWS.
        sandbox.pace = &[];
        let sandbox = sandbox;
        let rules = rules.split_whitespace().map(|rule| rule.parse().unwrap()).collect();
        let faults = Faults::before(&sandbox.moto.url, rules, seed).unwrap();
        let mut repeated = vec![];
        let mut weather = |command: &[&str]| -> Verified {
            for attempt in 0.. {
                let ran = sandbox.run_through(&faults, "", command, LIMIT);
                let what = || failed(&format!("`{}`", command.join(" ")), &ran);
                match ran.code {
                    0 => return Ok(()),
                    code if code < 0 || attempt == REPEATS => return Err(what()),
                    _ => repeated.push(what()),
                }
            }
            unreachable!("the attempts end")
        };
        let unchanged = || -> Verified {
            run(&sandbox, "", &["plan", "dev", "--detailed-exitcode"])?;
            let kinds = Account::of(&sandbox).objects.without(&self.before).kinds();
            let differences = account::compare(&self.complete, &kinds);
            if differences.is_empty() { Ok(()) } else { Err(format!("    objects by kind: {differences}")) }
        };
        let lived = (|| {
            weather(&["apply", "dev", "--yes"])?;
            unchanged()?;
            write_program(&sandbox, &self.changed);
            weather(&["apply", "dev", "--yes"])?;
            unchanged()?;
            weather(&["destroy", "dev", "--yes"])?;
            let account = Account::of(&sandbox);
            account.has_unchanged(&self.before)?;
            account.has_nothing_but(&self.before)
        })();
        let calls = faults.calls().len();
        lived.map_err(|why| format!("{}{why}", repeated.join("\n")))?;
        if calls > MAX_CALLS * self.undisturbed {
            return Err(format!("    {calls} calls; undisturbed are {}", self.undisturbed));
        }
        Ok(Life { calls, repeated })
    }

    /// Runs lives with the seeds from `seed` on, and reports each of them. Returns the seeds of those that failed.
    fn weather(&self, rules: &str, runs: usize, seed: u64) -> Vec<u64> {
        let (started, next) = (Instant::now(), AtomicUsize::new(0));
        let (failed, lives) = (Mutex::new(vec![]), Mutex::new(vec![]));
        let worker = || {
            loop {
                let run = next.fetch_add(1, Ordering::SeqCst);
                if run >= runs {
                    return;
                }
                let (seed, began) = (seed + run as u64, Instant::now());
                let lived = self.live(rules, seed);
                let seconds = began.elapsed().as_secs();
                match lived {
                    Ok(life) => {
                        let share = number(life.calls) / number(self.undisturbed);
                        let repeats = life.repeated.len();
                        say(&format!(
                            "weather {seed}: converged; {share:.2} of the calls, {repeats} repeats, {seconds} s"
                        ));
                        life.repeated.iter().for_each(|why| say(why));
                        lives.lock().unwrap().push((share, repeats));
                    }
                    Err(why) => {
                        say(&format!(
                            "weather {seed}: FAILED ({seconds} s)\n{why}\n    again: make weather RUNS=1 SEED={seed}"
                        ));
                        failed.lock().unwrap().push(seed);
                    }
                }
            }
        };
        let jobs = setting("JOBS").map_or_else(
            || thread::available_parallelism().map_or(1, usize::from),
            |jobs| jobs.parse().expect("JOBS is a number"),
        );
        thread::scope(|scope| {
            for _ in 0..jobs.min(runs) {
                scope.spawn(worker);
            }
        });
        let (lives, failed) = (lives.into_inner().unwrap(), failed.into_inner().unwrap());
        let most = lives.iter().map(|(share, _)| *share).fold(0.0, f64::max);
        let mean = lives.iter().map(|(share, _)| *share).sum::<f64>() / number(lives.len().max(1));
        let repeats: usize = lives.iter().map(|(_, repeats)| *repeats).sum();
        say(&format!(
            "weather: {} converged, {} FAILED; {mean:.2} of the undisturbed {} calls on average, {most:.2} at most; {repeats} \
             commands repeated; seeds from {seed}; {} s",
            lives.len(),
            failed.len(),
            self.undisturbed,
            started.elapsed().as_secs()
        ));
        failed
    }
}

fn number(of: usize) -> f64 {
    u32::try_from(of).unwrap().into()
}

#[test]
fn an_environment_survives_bad_weather() {
    let Some(sweep) = Sweep::new("an_environment_survives_bad_weather", Place::Disk) else { return };
    let seed = seed();
    let failed = thread::scope(|scope| {
        let lives = [RAIN, OLD_READS].map(|rules| {
            let sweep = &sweep;
            scope.spawn(move || sweep.weather(rules, 1, seed))
        });
        lives.map(|life| life.join().unwrap())
    });
    assert!(failed.iter().all(Vec::is_empty), "SEED={failed:?}");
}

#[test]
#[ignore = "`make weather` runs it: many lives take hours"]
fn environments_survive_bad_weather() {
    let Some(sweep) = Sweep::new("environments_survive_bad_weather", Place::Disk) else { return };
    let rules = setting("WEATHER").unwrap_or_else(|| STORM.to_owned());
    let runs = setting("RUNS").map_or(20, |runs| runs.parse().expect("RUNS is a number"));
    let failed = sweep.weather(&rules, runs, seed());
    assert!(failed.is_empty(), "seeds of failed runs: {failed:?}");
}
