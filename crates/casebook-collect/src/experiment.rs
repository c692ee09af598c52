//! Experiments in a network namespace of their own. Nothing of the machine changes: the namespace, its devices and its
//! rules belong to one thread and end with it.

use casebook_core::{Action, Done, Experiments};

/// This machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Machine;

impl Experiments for Machine {
    fn run(&self, actions: &[Action]) -> Result<Vec<Done>, String> {
        imp::run(actions)
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use casebook_core::{Action, Done};

    pub(super) fn run(_: &[Action]) -> Result<Vec<Done>, String> {
        Err("network namespaces are Linux's".into())
    }
}

#[cfg(target_os = "linux")]
mod imp {
    use std::collections::BTreeMap;
    use std::fs;
    use std::io::{ErrorKind, Read as _, Write as _};
    use std::process::{Command, Stdio};
    use std::thread;
    use std::time::{Duration, Instant};

    use casebook_core::{Action, Done};
    use casebook_probe::network::{Tun, isolate, send};

    /// A program that runs longer is stopped.
    const LONGEST: Duration = Duration::from_secs(20);

    pub(super) fn run(actions: &[Action]) -> Result<Vec<Done>, String> {
        if !crate::live::privileged() {
            return Err("a network namespace needs root".into());
        }
        // A namespace belongs to a thread, and programs that the thread starts are in it.
        thread::scope(|scope| scope.spawn(|| inside(actions)).join())
            .unwrap_or_else(|_| Err("the experiment broke off".into()))
    }

    fn inside(actions: &[Action]) -> Result<Vec<Done>, String> {
        isolate().map_err(|error| format!("no network namespace can be made here: {error}"))?;
        let mut devices = BTreeMap::new();
        let mut out = Vec::new();
        for action in actions {
            let (done, goes_on) = one(action, &mut devices);
            let stops = done.failed.is_some() && !goes_on;
            out.push(done);
            if stops {
                break;
            }
        }
        Ok(out)
    }

    fn one(action: &Action, devices: &mut BTreeMap<String, Tun>) -> (Done, bool) {
        let said = |what: String, result: std::io::Result<()>| Done {
            output: Vec::new(),
            failed: result.err().map(|error| format!("{what}: {error}")),
        };
        match action {
            Action::Tun(name) => {
                let made = Tun::new(name).map(|tun| drop(devices.insert(name.clone(), tun)));
                (said(format!("device {name}"), made), false)
            }
            Action::Setting(name, value) => {
                let written = fs::write(format!("/proc/sys/net/{name}"), value);
                let known = written.or_else(|error| match error.kind() {
                    ErrorKind::NotFound => Ok(()),
                    _ => Err(error),
                });
                (said(format!("net/{name}"), known), false)
            }
            Action::Run { program, arguments, input, optional } => (program_run(program, arguments, input), *optional),
            Action::Arrive { device, packet } => {
                let result = match devices.get_mut(device) {
                    Some(tun) => tun.arrive(packet),
                    None => Err(ErrorKind::NotFound.into()),
                };
                (said(format!("a packet on {device}"), result), false)
            }
            Action::Send(packet) => {
                let result = send(packet).or_else(|error| {
                    let stopped = matches!(
                        error.kind(),
                        ErrorKind::PermissionDenied | ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable
                    );
                    if stopped { Ok(()) } else { Err(error) }
                });
                (said("sending".into(), result), false)
            }
        }
    }

    fn program_run(program: &str, arguments: &[String], input: &[u8]) -> Done {
        match finished(program, arguments, input) {
            Ok(done) => done,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Done { output: Vec::new(), failed: Some(format!("{program} is not installed")) }
            }
            Err(error) => Done { output: Vec::new(), failed: Some(format!("{program}: {error}")) },
        }
    }

    /// Runs a program to its end. What it reads and says goes through threads, so that no full pipe stops it.
    fn finished(program: &str, arguments: &[String], input: &[u8]) -> std::io::Result<Done> {
        let mut child = Command::new(program)
            .args(arguments)
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        thread::scope(|scope| {
            scope.spawn(move || {
                // A program that ends before it has read all says why itself.
                stdin.map(|mut pipe| pipe.write_all(input))
            });
            let output = scope.spawn(move || read(stdout));
            let error = scope.spawn(move || read(stderr));
            let until = Instant::now() + LONGEST;
            let status = loop {
                if let Some(status) = child.try_wait()? {
                    break Some(status);
                }
                if Instant::now() > until {
                    child.kill()?;
                    child.wait()?;
                    break None;
                }
                thread::sleep(Duration::from_millis(1));
            };
            let output = output.join().unwrap_or_default();
            let error = String::from_utf8_lossy(&error.join().unwrap_or_default()).trim_end().to_owned();
            let failed = match status {
                None => Some(format!("{program} did not end within {} s", LONGEST.as_secs())),
                Some(status) if status.success() => None,
                Some(_) if !error.is_empty() => Some(format!("{program}: {error}")),
                Some(status) => Some(format!("{program} failed with {status}")),
            };
            Ok(Done { output, failed })
        })
    }

    fn read(pipe: Option<impl std::io::Read>) -> Vec<u8> {
        const MOST: u64 = 64 << 20;
        let mut out = Vec::new();
        // What was read until an error is what there is.
        let _ = pipe.map(|pipe| pipe.take(MOST).read_to_end(&mut out));
        out
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn ip(arguments: &str, optional: bool) -> Action {
            let arguments = arguments.split(' ').map(str::to_owned).collect();
            Action::Run { program: "ip", arguments, input: Vec::new(), optional }
        }

        #[test]
        fn an_experiment_has_devices_of_its_own_and_stops_where_a_step_fails() {
            let actions = [
                Action::Tun("casebook1".into()),
                ip("link show dev casebook1", false),
                ip("link show dev casebook2", true),
                ip("link show dev casebook3", false),
                Action::Tun("casebook4".into()),
            ];
            match run(&actions) {
                Err(why) => println!("skipped: {why}"),
                Ok(done) if done[0].failed.is_some() => println!("skipped: {:?}", done[0].failed),
                Ok(done) => {
                    let failed: Vec<bool> = done.iter().map(|done| done.failed.is_some()).collect();
                    assert_eq!(failed, [false, false, true, true]);
                }
            }
        }
    }
}
