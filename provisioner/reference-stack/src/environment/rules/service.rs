//! Rules for the service: the sizes of its tasks, and their number.

use provisioner_model::environment::Mistake;

use crate::environment::Environment;

/// The memory sizes, in MiB, that Fargate has for a task's CPU: from, to, step.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html>
const FARGATE: [(u32, u32, u32, u32); 7] = [
    (256, 512, 2_048, 0), // 512, 1024 and 2048: each twice the one before.
    (512, 1_024, 4_096, 1_024),
    (1_024, 2_048, 8_192, 1_024),
    (2_048, 4_096, 16_384, 1_024),
    (4_096, 8_192, 30_720, 1_024),
    (8_192, 16_384, 61_440, 4_096),
    (16_384, 32_768, 122_880, 8_192),
];

pub(super) fn task_size(env: &Environment) -> Vec<Mistake> {
    let (cpu, memory) = (env.service.cpu, env.service.memory);
    let Some((_, least, most, step)) = FARGATE.iter().find(|row| row.0 == cpu) else {
        let sizes: Vec<String> = FARGATE.iter().map(|row| row.0.to_string()).collect();
        let mistake = Mistake::new("service.cpu", format!("Fargate has no tasks of {cpu} CPU units"));
        return vec![mistake.hint(format!("one of {}", sizes.join(", ")))];
    };
    let sizes: Vec<u32> = match step {
        0 => vec![512, 1_024, 2_048],
        step => (0..=(most - least) / step).map(|n| least + n * step).collect(),
    };
    if sizes.contains(&memory) {
        return vec![];
    }
    let hint = match sizes.as_slice() {
        [first, second, .., last] if sizes.len() > 4 => {
            format!("for {cpu} CPU units: {first} to {last} MiB in steps of {}", second - first)
        }
        few => format!("for {cpu} CPU units: {} MiB", few.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")),
    };
    let what = format!("Fargate has no tasks of {cpu} CPU units with {memory} MiB of memory");
    vec![Mistake::new("service.memory", what).hint(hint)]
}

pub(super) fn scaling(env: &Environment) -> Vec<Mistake> {
    let (least, most) = (env.service.tasks, env.service.max_tasks);
    if least <= most {
        return vec![];
    }
    let what = format!("autoscaling cannot stay under {most} tasks where {least} are wanted at least");
    vec![Mistake::new("service.max_tasks", what).hint(format!("{least} or more, or fewer `service.tasks`"))]
}

#[cfg(test)]
mod tests {
    use crate::environment::rules::tests::after;

    #[test]
    fn fargate_has_a_list_of_memory_sizes_for_each_cpu() {
        let size = |cpu, memory| after(|env| (env.service.cpu, env.service.memory) = (cpu, memory));
        for (cpu, memory) in [(256, 2048), (512, 3072), (1024, 8192), (4096, 30_720), (8192, 20_480), (16_384, 122_880)]
        {
            assert_eq!(size(cpu, memory), [""; 0]);
        }
        assert_eq!(
            size(256, 1536),
            [
                "service.memory: Fargate has no tasks of 256 CPU units with 1536 MiB of memory (for 256 CPU units: 512, 1024, 2048 MiB)"
            ]
        );
        assert_eq!(
            size(1024, 1024),
            [
                "service.memory: Fargate has no tasks of 1024 CPU units with 1024 MiB of memory (for 1024 CPU units: 2048 to 8192 MiB in steps of 1024)"
            ]
        );
        assert_eq!(
            size(300, 512),
            ["service.cpu: Fargate has no tasks of 300 CPU units (one of 256, 512, 1024, 2048, 4096, 8192, 16384)"]
        );
    }

    #[test]
    fn the_most_tasks_are_not_fewer_than_the_fewest() {
        assert_eq!(
            after(|env| env.service.tasks = 7),
            [
                "service.max_tasks: autoscaling cannot stay under 6 tasks where 7 are wanted at least (7 or more, or fewer `service.tasks`)"
            ]
        );
    }
}
