# How this house is built: one CMake target a room, and the rules that every room keeps.
#
#   ifl_room(NAME outbox LAYER 2 DEPENDS base flash [LIBS mbedtls cjson])
#       components/<name>: src/*.c into the static library ifl_<name> (alias iflow::<name>), include/ public, src/ private.
#       A room may depend on rooms with a lower layer only; anything else is an error when configuring.
#   ifl_unit_test(NAME outbox_recovery SOURCES test_recovery.c DEPENDS outbox [INSIDE outbox] [LIBS …] [LABELS …])
#       one Unity test program, registered with ctest under the label `unit`. INSIDE also shows it a room's private headers.
#       In a build for a board the same line makes a test on the target.
#   ifl_own_code(<target>)
#       our warnings, as errors; for every target whose sources lie in this repository.

include_guard(GLOBAL)

# What gcc 12 does for speed even under -Os, at the price of code: 2 % of a node's. Clang's -Oz makes every room 12 to 16 % larger than gcc's -Os.
set(IFL_SMALLER -fno-caller-saves -fno-tree-tail-merge -fno-schedule-insns2 -fno-thread-jumps -fno-move-loop-invariants -fno-if-conversion
    -fno-tree-dominator-opts -fno-ssa-phiopt -fno-optimize-sibling-calls -fno-reorder-blocks -fira-algorithm=priority)
# And where each byte of a message or each limb of a signature comes by, it may.
set(IFL_FASTER -fcaller-saves -ftree-tail-merge -fschedule-insns2 -fthread-jumps -fmove-loop-invariants -fif-conversion -ftree-dominator-opts
    -fssa-phiopt -foptimize-sibling-calls -freorder-blocks -fira-algorithm=CB)
set(IFL_WARNINGS -Wall -Wextra -Wconversion -Wshadow -Werror)

function(ifl_own_code target)
  target_compile_options(${target} PRIVATE ${IFL_WARNINGS})
  if(IFL_BARE_METAL)
    # Without those, gcc takes some variables for uninitialised that aren't; the builds for Linux have that warning.
    target_compile_options(${target} PRIVATE ${IFL_SMALLER} -Wno-maybe-uninitialized)
  endif()
endfunction()

# Fails unless every room in ARGN is known and lies below `layer`.
function(ifl_check_layers room layer)
  foreach(dependency IN LISTS ARGN)
    get_property(dependency_layer GLOBAL PROPERTY IFL_LAYER_${dependency})
    if("${dependency_layer}" STREQUAL "")
      message(FATAL_ERROR "Room '${room}' depends on '${dependency}', which is no room, or stands after '${room}' in "
                          "components/CMakeLists.txt. Remedy: correct DEPENDS in components/${room}/CMakeLists.txt.")
    endif()
    if(NOT dependency_layer LESS layer)
      message(FATAL_ERROR "Room '${room}' (layer ${layer}) depends on '${dependency}' (layer ${dependency_layer}). A room "
                          "calls only rooms of a lower layer. Remedy: turn the dependency round, or pass it in as a callback.")
    endif()
  endforeach()
endfunction()

function(ifl_room)
  cmake_parse_arguments(ROOM "" "NAME;LAYER" "DEPENDS;LIBS" ${ARGN})
  ifl_check_layers(${ROOM_NAME} ${ROOM_LAYER} ${ROOM_DEPENDS})
  set_property(GLOBAL PROPERTY IFL_LAYER_${ROOM_NAME} ${ROOM_LAYER})
  set_property(GLOBAL APPEND PROPERTY IFL_ROOMS ${ROOM_NAME})

  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/src/*.c)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/include/*.h)
  list(TRANSFORM ROOM_DEPENDS PREPEND iflow:: OUTPUT_VARIABLE dependencies)

  set(target ifl_${ROOM_NAME})
  if(sources)
    set(visibility PUBLIC)
    add_library(${target} STATIC ${sources})
    target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
    ifl_own_code(${target})
  else()
    set(visibility INTERFACE) # headers only
    add_library(${target} INTERFACE)
  endif()
  add_library(iflow::${ROOM_NAME} ALIAS ${target})
  target_link_libraries(${target} ${visibility} ${dependencies} ${ROOM_LIBS})
  target_include_directories(${target} ${visibility} ${CMAKE_CURRENT_SOURCE_DIR}/include)
  list(FILTER headers EXCLUDE REGEX "_private\\.h$")
  if(headers)
    ifl_headers_compile_alone(${ROOM_NAME} ${dependencies} ${ROOM_LIBS} HEADERS ${headers})
  endif()
endfunction()

# Each public header of a room is compiled as a file of its own, twice included: it needs nothing before it and is guarded.
# <room>_private.h is the exception: the inside of a struct that the caller owns, included by its public header only.
function(ifl_headers_compile_alone room)
  cmake_parse_arguments(ALONE "" "" "HEADERS" ${ARGN})
  set(sources)
  foreach(header IN LISTS ALONE_HEADERS)
    file(RELATIVE_PATH name ${CMAKE_CURRENT_SOURCE_DIR}/include ${header})
    string(REPLACE "/" "_" source ${name})
    set(source ${CMAKE_CURRENT_BINARY_DIR}/alone/${source}.c)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include \"@name@\"\n#include \"@name@\"\n" @ONLY)
    list(APPEND sources ${source})
  endforeach()
  add_library(ifl_${room}_headers OBJECT ${sources})
  target_link_libraries(ifl_${room}_headers PRIVATE ${ALONE_UNPARSED_ARGUMENTS})
  target_include_directories(ifl_${room}_headers PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/include)
  ifl_own_code(ifl_${room}_headers)
endfunction()

function(ifl_unit_test)
  if(IFL_BARE_METAL)
    ifl_target_test(${ARGN}) # cmake/images.cmake
    return()
  endif()
  cmake_parse_arguments(TEST "" "NAME" "SOURCES;DEPENDS;INSIDE;LIBS;LABELS" ${ARGN})
  set(target test_${TEST_NAME})
  list(TRANSFORM TEST_DEPENDS PREPEND iflow::)
  add_executable(${target} ${TEST_SOURCES})
  target_link_libraries(${target} PRIVATE ${TEST_DEPENDS} ${TEST_LIBS} unity)
  foreach(room IN LISTS TEST_INSIDE)
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/components/${room}/src)
  endforeach()
  ifl_own_code(${target})
  if(NOT TARGET unit_tests)
    add_custom_target(unit_tests) # all of them and nothing else
  endif()
  add_dependencies(unit_tests ${target})
  add_test(NAME unit.${TEST_NAME} COMMAND ${target})
  set_tests_properties(unit.${TEST_NAME} PROPERTIES LABELS "unit;${TEST_LABELS}" TIMEOUT 3600)
endfunction()
