# Images for a board without an OS.
#
#   ifl_image(<target> [WHOLE] SOURCES … LIBS … STACK_SIZE n [END <object library>] [LIBC <linker options>])
#       an ELF file, linked with the board's linker script: the board, C library without system calls (newlib-nano unless LIBC says
#       otherwise), nothing unused. STACK_SIZE is the main stack in bytes. END says what happens when main() returns (ifl_end_reboot
#       unless given). Its memory is printed after linking. WHOLE: all of it is optimised in one piece, as a product is; it takes the linker
#       some seconds, so tests of single rooms go without.
#   ifl_target_test(NAME base_values SOURCES … DEPENDS base … [INSIDE …] [LIBS …] [STACK_SIZE n])
#       one Unity test program for the board, registered with ctest as target.<name> (labels qemu, full), run in QEMU.

include_guard(GLOBAL)

set(IFL_UNITY_DIR ${CJSON_SOURCE_DIR}/tests/unity/src)
find_package(Python3 REQUIRED COMPONENTS Interpreter)

function(ifl_image target)
  cmake_parse_arguments(IMAGE "WHOLE" "STACK_SIZE;END" "SOURCES;LIBS;LIBC" ${ARGN})
  if(NOT IMAGE_END)
    set(IMAGE_END ifl_end_reboot)
  endif()
  if(NOT IMAGE_LIBC)
    set(IMAGE_LIBC --specs=nano.specs)
  endif()
  get_property(script GLOBAL PROPERTY IFL_LINKER_SCRIPT)
  add_executable(${target} ${IMAGE_SOURCES})
  set_target_properties(${target} PROPERTIES SUFFIX .elf LINK_DEPENDS ${script})
  target_link_libraries(${target} PRIVATE ${IMAGE_LIBS} ${IMAGE_END} ifl_board_${IFL_BOARD})
  target_link_options(${target} PRIVATE $<IF:$<BOOL:${IMAGE_WHOLE}>,-flto$<SEMICOLON>-flto-partition=one,-fno-lto> ${IMAGE_LIBC} -T ${script} -Wl,--defsym=STACK_SIZE=${IMAGE_STACK_SIZE} -Wl,--gc-sections -nostartfiles
                      -Wl,-Map=$<TARGET_FILE:${target}>.map -Wl,--fatal-warnings -Wl,--no-warn-rwx-segments
                      -Wl,--print-memory-usage)
  ifl_own_code(${target})
endfunction()

# ---- Tests on the target -----------------------------------------------------------------------------------------------------

function(ifl_target_test)
  cmake_parse_arguments(TEST "" "NAME;STACK_SIZE" "SOURCES;DEPENDS;INSIDE;LIBS;LABELS" ${ARGN})
  if(NOT TEST_STACK_SIZE)
    set(TEST_STACK_SIZE 16384) # tests keep whole messages on the stack; a node doesn't
  endif()
  set(target target_${TEST_NAME})
  list(TRANSFORM TEST_DEPENDS PREPEND iflow::)
  # The tests' own memory lies elsewhere; such an addition must stand before the script it adds to. The whole newlib: newlib-nano's printf knows neither %zu nor %llu.
  ifl_image(${target} SOURCES ${TEST_SOURCES} STACK_SIZE ${TEST_STACK_SIZE} END ifl_end_test LIBC -lc -T${PROJECT_SOURCE_DIR}/tests/qemu/target/large.ld
            LIBS ${TEST_DEPENDS} ${TEST_LIBS} ifl_target_unity)
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${PROJECT_SOURCE_DIR}/tests/qemu/target/large.ld)
  foreach(room IN LISTS TEST_INSIDE)
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/components/${room}/src)
  endforeach()
  add_test(NAME target.${TEST_NAME}
           COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/qemu/run_target.py $<TARGET_FILE:${target}>)
  set_tests_properties(target.${TEST_NAME} PROPERTIES LABELS "qemu;full;${TEST_LABELS}" TIMEOUT 3600)
endfunction()
