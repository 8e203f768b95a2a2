# windtunnel_folder(NAME [PUBLIC targets...] [PRIVATE targets...])
# The library windtunnel_NAME from every source of the folder. Shared, so that plug-ins and the program see one
# copy, and static registration objects are kept.
function(windtunnel_folder name)
  cmake_parse_arguments(ARG "" "" "PUBLIC;PRIVATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  if(NOT sources)
    add_library(windtunnel_${name} INTERFACE)
    target_link_libraries(windtunnel_${name} INTERFACE ${ARG_PUBLIC})
    return()
  endif()
  add_library(windtunnel_${name} SHARED ${sources})
  target_include_directories(windtunnel_${name} PUBLIC "${CMAKE_SOURCE_DIR}")
  target_link_libraries(windtunnel_${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  target_link_options(windtunnel_${name} INTERFACE "LINKER:--no-as-needed")
endfunction()

# windtunnel_embed(FOLDER NAMESPACE GLOB...): compile data files into the library as
# NAMESPACE::embedded_files(), a list of {name, text} sorted by name.
function(windtunnel_embed folder namespace)
  file(GLOB files CONFIGURE_DEPENDS ${ARGN})
  if(NOT files)
    return()
  endif()
  string(MAKE_C_IDENTIFIER "${namespace}" id)
  set(output "${CMAKE_CURRENT_BINARY_DIR}/${id}_embedded.cpp")
  add_custom_command(
    OUTPUT "${output}"
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DNAMESPACE=${namespace} "-DFILES=${files}" -P
            "${CMAKE_SOURCE_DIR}/cmake/embed.cmake"
    DEPENDS ${files} "${CMAKE_SOURCE_DIR}/cmake/embed.cmake"
    VERBATIM)
  target_sources(windtunnel_${folder} PRIVATE "${output}")
endfunction()

# windtunnel_test(NAME LINK targets...): one test executable from tests/NAME, one ctest entry.
function(windtunnel_test name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/${name}/*.cpp")
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources})
  target_link_libraries(test_${name} PRIVATE ${ARG_LINK} GTest::gtest_main GTest::gtest)
  target_compile_definitions(test_${name} PRIVATE WINDTUNNEL_GOLDEN="${CMAKE_SOURCE_DIR}/tests/golden"
                                                  WINDTUNNEL_SOURCE="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND test_${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 1200)
endfunction()
