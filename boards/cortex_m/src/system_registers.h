/* system_registers.h: registers inside the CPU (ARMv7-M Architecture Reference Manual, DDI 0403E, chapter B3). */
#ifndef SYSTEM_REGISTERS_H
#define SYSTEM_REGISTERS_H

#define SYST_CSR 0xE000E010u /* SysTick control */
#define SYST_RVR 0xE000E014u /* reload */
#define SYST_CVR 0xE000E018u /* current value */
#define SYST_CSR_ENABLE (1u << 0)
#define SYST_CSR_TICKINT (1u << 1)
#define SYST_CSR_CLKSOURCE (1u << 2) /* the CPU's clock */

#define NVIC_ISER 0xE000E100u
#define NVIC_ICER 0xE000E180u

#define SCB_ICSR 0xE000ED04u
#define ICSR_PENDSTSET (1u << 26) /* SysTick's interrupt is pending */
#define SCB_VTOR 0xE000ED08u
#define SCB_AIRCR 0xE000ED0Cu
#define SCB_CCR 0xE000ED14u
#define SCB_SHCSR 0xE000ED24u
#define SCB_CFSR 0xE000ED28u
#define SCB_HFSR 0xE000ED2Cu
#define SCB_MMFAR 0xE000ED34u
#define SCB_BFAR 0xE000ED38u
#define AIRCR_SYSRESETREQ 0x05FA0004u /* with the key that makes a write count */
#define CCR_DIV_0_TRP (1u << 4)
#define CCR_STKALIGN (1u << 9)
#define SHCSR_FAULTS_ENABLED (7u << 16) /* usage, bus and memory faults have handlers of their own */
#define CFSR_MSTKERR (1u << 4)
#define CFSR_MMARVALID (1u << 7)
#define CFSR_STKERR (1u << 12)
#define CFSR_BFARVALID (1u << 15)

#define MPU_CTRL 0xE000ED94u
#define MPU_RNR 0xE000ED98u
#define MPU_RBAR 0xE000ED9Cu
#define MPU_RASR 0xE000EDA0u
#define MPU_CTRL_ENABLE (1u << 0)
#define MPU_CTRL_PRIVDEFENA (1u << 2) /* what no region covers is as without the MPU */

#endif
