/* The sub-commands of `lastack`. Each is a main() of its own: argv[0] is its name. */
#ifndef APPS_APPS_H
#define APPS_APPS_H

/* What a sub-command returns to the shell. */
enum app_exit { APP_DONE = 0, APP_FAILED = 1, APP_USAGE = 2 };

int nc_main(int argc, char **argv);
int demo_main(int argc, char **argv);
int bench_main(int argc, char **argv);
int wire_main(int argc, char **argv);
int sim_main(int argc, char **argv);
int drill_main(int argc, char **argv);
int lab_main(int argc, char **argv);

#endif
