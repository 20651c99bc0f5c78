// Two cores, and daemons that share the machine's cgroup and mount tables: one test at a time keeps a failure's cause in sight.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
