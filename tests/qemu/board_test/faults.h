/* faults.h: everything that a CPU must not let pass. */
#ifndef FAULTS_H
#define FAULTS_H

/* Does the forbidden thing of that name; comes back only if nobody noticed. */
void make_fault(const char *name);

#endif
